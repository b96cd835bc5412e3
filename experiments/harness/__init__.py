"""Code shared by the experiments: repeated runs, budgets, flags, measurements and tables."""
