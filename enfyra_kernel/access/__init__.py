"""What callers may do."""
