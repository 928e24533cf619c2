"""What runs in a worker's process: it knows nothing, and can only ask the host."""
