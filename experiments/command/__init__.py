"""The `pagesim` command: what it accepts, and what each of its verbs does."""
