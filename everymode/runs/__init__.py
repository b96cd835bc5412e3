"""A run: its data, its record, its snapshots, and going on with it."""
