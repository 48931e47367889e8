"""What a running process tells the world: progress, logs, metrics."""
