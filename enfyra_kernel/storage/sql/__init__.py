"""SQL databases: SQLAlchemy Core compiles a statement once for each shape, the driver runs it."""
