"""The benchmark: `python -m tests.benchmark [TRACE.parquet ...]` prints how fast the simulator is, in ratios."""
