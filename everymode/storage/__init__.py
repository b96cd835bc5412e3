"""Storage: atomic writes, checkpoints, run folders."""
