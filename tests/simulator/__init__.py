"""Tests of the simulated machine, one file for each part, named after what must hold."""
