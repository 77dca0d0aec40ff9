"""A run for other tools: traces for Perfetto and chrome://tracing, and logs in PerfMon's layout, written and read."""
