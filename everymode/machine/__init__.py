"""Machine: device, processes, progress output, and stopping on signals."""
