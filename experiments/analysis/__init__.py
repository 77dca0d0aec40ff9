"""What results mean: metrics, statistics over replications, regret, the biography of a page, working-set curves."""
