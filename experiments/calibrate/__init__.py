"""Fitting the machine's parameters to measurements: disk models to latencies."""
