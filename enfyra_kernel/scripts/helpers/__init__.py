"""What scripts may ask the host for, beside repositories: cache, fetch, tokens, rate limits."""

from .addresses import FetchAllowList
from .fetch import Fetcher
from .helpers import Helpers, HelpersOfRequest
from .requester import Budget, Requester

__all__ = ["Budget", "FetchAllowList", "Fetcher", "Helpers", "HelpersOfRequest", "Requester"]
