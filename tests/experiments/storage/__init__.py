"""Tests of `experiments.storage`."""
