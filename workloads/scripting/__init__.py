"""The language of the `script` workload: steps, their values, and how they are run."""
