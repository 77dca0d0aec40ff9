"""Kinds of regions: what each lets a process do with its pages."""
