"""The simulated machine: processors, disks and a Windows-style memory manager; it knows no YAML, no files, no plots."""
