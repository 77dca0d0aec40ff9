"""Comparisons: the same reference streams under several policies, with what differs, by how much and how surely."""
