"""Workloads that are programs: processes that make the calls of Windows."""
