"""Samples from trained generators: by seed, by label, and redrawn where a critic rejects them."""
