"""Synthetic workloads fitted to traces, and how close they come."""
