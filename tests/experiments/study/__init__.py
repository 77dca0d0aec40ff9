"""Tests of `experiments.study`."""
