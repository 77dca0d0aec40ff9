"""Experiments and results from Python: built from plain values, run, compared and swept, and shown where one works."""
