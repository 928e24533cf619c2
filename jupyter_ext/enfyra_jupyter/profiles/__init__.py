"""What the columns of a table hold: figures of all rows, and what a sample of them looks like."""
