"""One study: points that are run, by whichever workers, and kept; what is asked of it: run, compare, size, sweep."""
