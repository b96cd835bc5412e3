"""Speed comparisons; each module prints a table."""
