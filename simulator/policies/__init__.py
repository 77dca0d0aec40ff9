"""Trimming policies, one file each; a policy proposes, the memory manager applies and counts."""
