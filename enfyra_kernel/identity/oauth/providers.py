"""Providers of identities, as administrators configure them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ...errors import EnfyraError, did_you_mean
from ...query.parse import parse
from ...query.plan import INTERNAL
from ...records.encryption.keys import Keyring, Undecipherable
from ...records.records import Records
from ...uri import split_address

OAUTH_CONFIG = "oauth_config_definition"
# What client secrets are bound to where they are stored.
_CONTEXT = b"oauth_config_definition.clientSecret"
# Columns that are encrypted here, and what their values are bound to.
SEALED: Mapping[tuple[str, str], bytes] = {(OAUTH_CONFIG, "clientSecret"): _CONTEXT}
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
# Paths below /auth that are something else.
_TAKEN = frozenset(
    {"login", "logout", "oauth", "providers", "refresh-token", "set-cookies", "token"}
)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class Endpoints(NamedTuple):
    """Where a provider that does not speak OpenID Connect answers.

    Attributes:
        emails: Where it lists addresses, if the profile does not have them.
    """

    authorize: str
    token: str
    userinfo: str
    scopes: str
    emails: str | None = None


KNOWN_ISSUERS: Mapping[str, str] = {"google": "https://accounts.google.com"}
KNOWN_ENDPOINTS: Mapping[str, Endpoints] = {
    "facebook": Endpoints(
        "https://www.facebook.com/v21.0/dialog/oauth",
        "https://graph.facebook.com/v21.0/oauth/access_token",
        "https://graph.facebook.com/v21.0/me?fields=id,name,email,picture",
        "email public_profile",
    ),
    "github": Endpoints(
        "https://github.com/login/oauth/authorize",
        "https://github.com/login/oauth/access_token",
        "https://api.github.com/user",
        "read:user user:email",
        "https://api.github.com/user/emails",
    ),
}


class Provider(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A provider that users can log in at.

    Attributes:
        issuer: Its address, where it speaks OpenID Connect.
        redirect_uri: Our own callback, as it is registered there.
        app_callback_url: Where browsers go in the end, unless a login says otherwise.
        auto_set_cookies: Whether they go there by way of the cookie bridge.
        link_by_email: Whether somebody with a verified address is the user with that address.
        source_code: Gives more fields for a new user.
    """

    provider: str
    client_id: str | None = None
    client_secret: str | None = None
    issuer: str | None = None
    scopes: str | None = None
    label: str | None = None
    redirect_uri: str | None = None
    app_callback_url: str | None = None
    auto_set_cookies: bool = True
    link_by_email: bool = True
    source_code: str | None = None
    script_language: str = "python"

    @property
    def name(self) -> str:
        """Its name, which paths have."""
        return self.provider

    @property
    def openid(self) -> str | None:
        """The issuer, if it is to be found by discovery."""
        return self.issuer or KNOWN_ISSUERS.get(self.provider)


_FIELDS = ",".join(field.encode_name for field in msgspec.structs.fields(Provider))


class Providers:
    """Reads the providers. Their secrets are stored encrypted, and shown to nobody."""

    def __init__(self, records: Records, keyring: Keyring) -> None:
        self._records = records
        self._keyring = keyring

    async def all(self) -> list[Provider]:
        """Give the providers that users can log in at, without their secrets."""
        return [msgspec.structs.replace(one, client_secret=None) for one in await self._rows({})]

    async def get(self, name: str) -> Provider:
        """Give a provider, ready to be used.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND; DECRYPTION_FAILED.
        """
        rows = await self._rows({"provider": name}) if _NAME.fullmatch(name) else []
        if not rows:
            names = [one.name for one in await self._rows({})]
            raise EnfyraError(
                "RESOURCE_NOT_FOUND",
                f"There is no provider '{name[:40]}'.{did_you_mean(name[:40], names)}",
                hint="GET /auth/providers lists them",
            )
        stored = rows[0].client_secret
        if stored is None:
            return rows[0]
        try:
            secret = self._keyring.decrypt(stored, _CONTEXT).decode()
        except Undecipherable as problem:
            raise EnfyraError(
                "DECRYPTION_FAILED",
                f"The secret of the provider '{name}' cannot be used: {problem}",
            ) from None
        return msgspec.structs.replace(rows[0], client_secret=secret)

    async def _rows(self, where: dict[str, Any]) -> list[Provider]:
        asked = parse(
            {"filter": {"isEnabled": True, **where}, "fields": _FIELDS, "sort": "provider",
             "limit": 0}
        )  # fmt: skip
        page = await self._records.of(OAUTH_CONFIG).find(asked, INTERNAL)
        return msgspec.json.decode(page.rows, type=list[Provider])

    def prepared(self, body: dict[str, Any], *, creating: bool) -> dict[str, Any]:
        """Give the row of a provider as it is stored.

        Raises:
            EnfyraError: INVALID_BODY; CONFIGURATION_ERROR when there is no key to encrypt with.
        """
        problems = _problems_of(body, creating=creating)
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems)
        secret = body.get("clientSecret")
        if secret is None:
            return body
        return body | {"clientSecret": self._keyring.encrypt(secret.encode(), _CONTEXT)}


def _problems_of(body: Mapping[str, Any], *, creating: bool) -> list[str]:
    problems: list[str] = []
    name = body.get("provider")
    if name is not None and (
        not isinstance(name, str) or not _NAME.fullmatch(name) or name in _TAKEN
    ):
        problems.append(
            "provider must be a name such as google: small letters, digits and '-', and no path of "
            "/auth"
        )
    if creating:
        known = isinstance(name, str) and (name in KNOWN_ISSUERS or name in KNOWN_ENDPOINTS)
        needed = ["clientId", "redirectUri", *([] if known else ["issuer"])]
        problems += [f"{one} is required" for one in needed if not body.get(one)]
    for one in ("issuer", "redirectUri", "appCallbackUrl"):
        value = body.get(one)
        if value is not None and not _is_address(value, secure=one == "issuer"):
            problems.append(f"{one} must be an https:// address")
    secret = body.get("clientSecret")
    if secret is not None and (not isinstance(secret, str) or not secret):
        problems.append("clientSecret must be a text")
    return problems


def _is_address(value: Any, *, secure: bool) -> bool:
    """Say whether something is an address of the web; http is for one's own machine."""
    if not isinstance(value, str):
        return False
    try:
        parts = split_address(value)
    except ValueError:
        return False
    if parts.scheme == "http":
        return not secure or (parts.hostname or "") in _LOCAL
    return parts.scheme == "https" and bool(parts.hostname)
