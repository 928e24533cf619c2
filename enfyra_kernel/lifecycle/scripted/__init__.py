"""Scripts around what a route does: their stages, and what they may ask for."""

from .stages import Scripted

__all__ = ["Scripted"]
