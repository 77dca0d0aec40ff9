"""What is in a trace: miss-ratio curves, working sets, reuse, popularity and phases, in bounded memory."""
