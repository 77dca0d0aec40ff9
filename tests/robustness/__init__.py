"""Whatever policies, configs and programs do, the machine doesn't crash: it runs to its end, or says why it can't."""
