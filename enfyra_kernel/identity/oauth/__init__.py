"""Logging in at another provider: Google, Facebook, GitHub, or any that speaks OpenID Connect."""

from .flow import Begun, Flow
from .linking import Linking
from .profiles import Profile
from .providers import Provider, Providers

__all__ = ["Begun", "Flow", "Linking", "Profile", "Provider", "Providers"]
