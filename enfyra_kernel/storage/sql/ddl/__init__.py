"""Changes of the schema, off the hot path."""

from .session import SqlSchemaSession

__all__ = ["SqlSchemaSession"]
