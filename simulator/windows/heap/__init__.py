"""Heaps: segments and free lists, the low-fragmentation front end, large blocks, objects of Global and Local."""
