"""A primary and its read replicas as one database: who answers a read, and how fresh it is."""

from .database import ReplicatedDatabase
from .reader import Reader, reading, reads_as

__all__ = ["Reader", "ReplicatedDatabase", "reading", "reads_as"]
