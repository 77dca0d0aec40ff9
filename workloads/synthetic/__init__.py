"""Workloads that are drawn from a formula, one file per generator."""
