"""Statements that people write: run so that they can only read, and read no longer than they may.

What they may say is for `query.sql.guard`; here the database itself is told to let nothing else
through. Each module opens a statement in one database.
"""
