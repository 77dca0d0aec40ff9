"""Where references come from: generators, and recorded traces of real programs."""
