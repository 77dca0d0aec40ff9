"""Disk service models, one file each: how long a read or write takes once the disk turns to it."""
