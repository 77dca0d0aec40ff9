"""Batches: many runs over many workers, of which none is lost that was finished."""
