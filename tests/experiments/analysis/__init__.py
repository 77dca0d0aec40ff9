"""Tests of `experiments.analysis`."""
