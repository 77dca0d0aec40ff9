"""Tests of `experiments.spec`."""
