"""Tests of what a profile counts."""
