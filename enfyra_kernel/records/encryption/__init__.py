"""Encrypted columns: the database holds ciphertext, everybody above it plain values."""

from .database import EncryptedDatabase
from .keys import Keyring
from .rotation import Progress, rotate_keys

__all__ = ["EncryptedDatabase", "Keyring", "Progress", "rotate_keys"]
