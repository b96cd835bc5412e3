"""Sampling from trained generators: by seed, by label, and with rejection by a critic."""
