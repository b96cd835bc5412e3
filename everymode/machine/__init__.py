"""The machine: its device, its processes, progress in words, and stopping when asked."""
