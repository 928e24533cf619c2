"""One module for each driver."""
