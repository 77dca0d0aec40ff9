"""What several compiled policies are made of: queues, heaps, clocks, rounds over processes, ghosts."""
