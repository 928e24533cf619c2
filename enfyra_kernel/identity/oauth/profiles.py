"""Profiles: what a provider says of somebody, in words that do not differ between providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ...errors import EnfyraError


class Profile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Somebody, as a provider knows him.

    Attributes:
        id: What the provider tells people apart by; it never changes.
        email_verified: Whether the provider has made sure that the address is his.
        raw: All that the provider says.
    """

    provider: str
    id: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    picture: str | None = None
    raw: Mapping[str, Any] = {}


def profile_of(provider: str, told: Any, *, emails: Any = None, openid: bool = False) -> Profile:
    """Read what a provider says.

    Args:
        emails: The addresses that GitHub lists.
        openid: Whether it speaks OpenID Connect.

    Raises:
        EnfyraError: EXTERNAL_SERVICE_ERROR when it names nobody.

    Example:
        >>> told = {"sub": "7", "email": "Ann@Example.org", "email_verified": True}
        >>> profile = profile_of("google", told, openid=True)
        >>> profile.id, profile.email, profile.email_verified
        ('7', 'ann@example.org', True)
    """
    named = mapping(told)
    email, verified = named.get("email"), False
    if openid:
        # Some say it as a text.
        said = named.get("email_verified")
        verified = said is True or said == "true"
    elif emails is not None:
        email = _primary(emails)
        verified = email is not None
    id_ = named.get("sub" if openid else "id")
    if isinstance(id_, bool) or not isinstance(id_, int | str) or id_ == "":
        raise EnfyraError("EXTERNAL_SERVICE_ERROR", "The provider of identities names nobody")
    return Profile(
        provider=provider,
        id=str(id_),
        email=email.strip().lower() if isinstance(email, str) and "@" in email else None,
        email_verified=verified,
        name=_text(named.get("name")) or _text(named.get("login")),
        picture=_picture(named),
        raw=named,
    )


def _primary(emails: Any) -> str | None:
    """Give the address that somebody has chosen and proved, of those that GitHub lists."""
    if not isinstance(emails, list):
        return None
    for one in cast("list[Any]", emails):
        listed = mapping(one)
        if listed.get("primary") is True and listed.get("verified") is True:
            return _text(listed.get("email"))
    return None


def _picture(named: Mapping[str, Any]) -> str | None:
    picture = named.get("picture") or named.get("avatar_url")
    if isinstance(picture, Mapping):
        picture = mapping(mapping(cast("Any", picture)).get("data")).get("url")
    return _text(picture)


def mapping(value: Any) -> Mapping[str, Any]:
    """Give what may be a JSON object as one; an empty one if it is none."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
