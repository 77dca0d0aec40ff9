"""Windows' memory calls once more, slowly and plainly: a dict of pages for each process, nothing lazy, no intervals."""
