"""From request parameters to a Query, from a Query to a Plan. Pure: no I/O, no database library."""
