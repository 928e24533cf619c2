"""Issuers: found by discovery, with the keys that they sign with."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import jwt

from ...errors import EnfyraError
from .remote import Remote

# Signatures with a key that only the issuer has: never `none`, never with a shared secret.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
# Seconds that what an issuer says of itself is believed, and between looks for a new key.
_KEPT = 3600.0
_LOOK_AGAIN = 30.0
# Seconds that clocks may differ.
_LEEWAY = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """What an issuer says of itself.

    Attributes:
        token_by_header: Whether clients show their secret as a password, not within the form.
    """

    issuer: str
    authorize: str
    token: str
    jwks: str
    userinfo: str | None = None
    token_by_header: bool = False


class Issuers:
    """Finds issuers and verifies their tokens; what was found is kept for an hour."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._found: dict[str, tuple[Issuer, float]] = {}
        self._keys: dict[str, tuple[Mapping[str, jwt.PyJWK], float]] = {}

    async def find(self, issuer: str) -> Issuer:
        """Give what an issuer says of itself at `/.well-known/openid-configuration`.

        Raises:
            EnfyraError: EXTERNAL_SERVICE_ERROR.
        """
        issuer = issuer.rstrip("/")
        found = self._found.get(issuer)
        if found is not None and found[1] > time.monotonic():
            return found[0]
        told = await self._remote.get(f"{issuer}/.well-known/openid-configuration")
        made = _issuer_of(told, issuer)
        self._found[issuer] = (made, time.monotonic() + _KEPT)
        return made

    async def verified(
        self, token: str, issuer: Issuer, audience: str | None, *, nonce: str | None = None
    ) -> dict[str, Any]:
        """Give what a token says that an issuer has signed for somebody.

        Args:
            audience: Whom it has to be for; None for anybody.
            nonce: What it has to answer to.

        Raises:
            EnfyraError: INVALID_TOKEN, TOKEN_EXPIRED; EXTERNAL_SERVICE_ERROR.
        """
        key, algorithm = await self._key_of(token, issuer)
        try:
            claims: dict[str, Any] = jwt.decode(  # pyright: ignore[reportUnknownMemberType]
                token, key, algorithms=[algorithm], audience=audience, issuer=issuer.issuer,
                leeway=_LEEWAY, options={
                    "require": ["exp", "iat", "iss", "sub"], "verify_aud": audience is not None,
                },
            )  # fmt: skip
        except jwt.ExpiredSignatureError:
            raise EnfyraError("TOKEN_EXPIRED") from None
        except jwt.InvalidTokenError as error:
            raise EnfyraError(
                "INVALID_TOKEN", f"The provider's token is not valid: {error}"
            ) from None
        party = claims.get("azp")
        several = isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
        if audience is not None and (several or party is not None) and party != audience:
            raise EnfyraError("INVALID_TOKEN", "The provider's token is for somebody else")
        if nonce is not None and claims.get("nonce") != nonce:
            raise EnfyraError("INVALID_TOKEN", "The provider's token answers to another login")
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise EnfyraError("INVALID_TOKEN", "The provider's token names nobody")
        return claims

    async def _key_of(self, token: str, issuer: Issuer) -> tuple[jwt.PyJWK, str]:
        try:
            header: Mapping[str, Any] = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise EnfyraError("INVALID_TOKEN") from None
        algorithm, id_ = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise EnfyraError("INVALID_TOKEN", "The provider's token is not signed as it should be")
        keys = await self._keys_at(issuer.jwks)
        key = _chosen(keys, id_)
        if key is None:
            # The issuer may have another key by now.
            keys = await self._keys_at(issuer.jwks, again=True)
            key = _chosen(keys, id_)
        if key is None or key.algorithm_name not in {algorithm, None}:
            raise EnfyraError("INVALID_TOKEN", "The provider's token is signed with an unknown key")
        return key, algorithm

    async def _keys_at(self, url: str, *, again: bool = False) -> Mapping[str, jwt.PyJWK]:
        found, now = self._keys.get(url), time.monotonic()
        if found is not None and now - found[1] < (_LOOK_AGAIN if again else _KEPT):
            return found[0]
        told = await self._remote.get(url)
        try:
            keys = jwt.PyJWKSet.from_dict(told).keys
        except (jwt.PyJWTError, KeyError, TypeError, AttributeError):
            raise EnfyraError(
                "EXTERNAL_SERVICE_ERROR", "The provider of identities gives no keys"
            ) from None
        named = {
            one.key_id or f"#{number}": one
            for number, one in enumerate(keys)
            if one.public_key_use in {None, "sig"} and one.key_type != "oct"
        }
        self._keys[url] = (named, now)
        return named


def _chosen(keys: Mapping[str, jwt.PyJWK], id_: Any) -> jwt.PyJWK | None:
    if id_ is None:
        # Without a name there has to be one only.
        return next(iter(keys.values())) if len(keys) == 1 else None
    return keys.get(id_) if isinstance(id_, str) else None


def _issuer_of(told: Any, issuer: str) -> Issuer:
    named = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    wanted = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
    if not all(isinstance(named.get(name), str) for name in wanted):
        raise EnfyraError(
            "EXTERNAL_SERVICE_ERROR", f"There is no OpenID provider at {issuer[:200]}"
        )
    if named["issuer"].rstrip("/") != issuer:
        raise EnfyraError(
            "EXTERNAL_SERVICE_ERROR",
            f"The OpenID provider at {issuer[:200]} says that it is {named['issuer'][:200]}",
        )
    ways = named.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Issuer(
        issuer=named["issuer"],
        authorize=named["authorization_endpoint"],
        token=named["token_endpoint"],
        jwks=named["jwks_uri"],
        userinfo=named.get("userinfo_endpoint"),
        token_by_header="client_secret_post" not in ways,
    )
