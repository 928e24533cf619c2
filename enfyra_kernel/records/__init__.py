"""A table's records: validate, create, read, update, delete."""
