"""Records in formats beside JSON: which there are, and how each is written.

A database gives record batches; a format's module writes them. Lines of JSON come from the database
as they are. Only `formats` may be imported without pyarrow.
"""
