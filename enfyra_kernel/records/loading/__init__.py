"""Loading many records at once from a body: all of it or nothing, in constant memory."""

from .loader import MODES, Body, Loaded, Loader, LoadOptions

__all__ = ["MODES", "Body", "LoadOptions", "Loaded", "Loader"]
