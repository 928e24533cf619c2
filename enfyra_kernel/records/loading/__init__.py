"""Loading many records at once from an Arrow stream: all of it or nothing, in constant memory."""

from .loader import MODES, Loaded, Loader, LoadOptions

__all__ = ["MODES", "LoadOptions", "Loaded", "Loader"]
