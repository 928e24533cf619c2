"""OpenID Connect: what issuers say of themselves, and the tokens that they have signed."""

from .issuers import Issuer, Issuers
from .remote import Remote

__all__ = ["Issuer", "Issuers", "Remote"]
