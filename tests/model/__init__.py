"""The per-reference model: the machine once more, slow and plain, every reference an event of its own."""
