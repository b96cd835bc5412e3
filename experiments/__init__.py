"""Experiments of the papers, one command each: `python -m experiments.NAME`."""
