"""Models in SimPy whose processes need memory: examples to start from."""
