"""Tests of the workloads: what is read is what was written, and what is drawn has the distribution it should."""
