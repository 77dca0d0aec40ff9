"""The hardware: processors that execute references through the MMU, and disks with a queue."""
