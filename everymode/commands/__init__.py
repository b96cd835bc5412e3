"""Commands of the command line, one file each. No module here imports torch before a command runs."""
