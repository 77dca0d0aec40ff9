"""Workloads that were recorded from real programs: reading, keeping and recording them."""
