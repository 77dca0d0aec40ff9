"""The memory manager: page frames, faults, working sets, writers and the daemons that drive them."""
