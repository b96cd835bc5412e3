"""What is fast, and against what: each module prints a table."""
