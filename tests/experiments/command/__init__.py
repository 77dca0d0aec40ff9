"""Tests of `experiments.command`."""
