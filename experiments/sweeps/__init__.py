"""Sweeps: one config, many points of its parameters, each a run; kept so that it can be gone on with and asked."""
