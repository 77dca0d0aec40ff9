"""The engine against the reference machine, on random machines and on committed configs."""
