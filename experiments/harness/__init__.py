"""What the experiments share: repeated runs, budgets, flags, measurements and tables."""
