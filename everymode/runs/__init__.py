"""Runs: their data, record, snapshots, and resuming."""
