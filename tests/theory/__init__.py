"""Results from the literature that the machine must reproduce."""
