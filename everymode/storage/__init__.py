"""What is written to last: whole files, checkpoints, run folders."""
