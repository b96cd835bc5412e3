"""The commands of the command line, one file each. Nothing here imports torch before a command runs."""
