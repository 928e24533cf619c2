"""Tokens of a JupyterHub: the Hub says whose they are."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import EnfyraError
from .adapters import AuthSetup, Handler, Resolved
from .oauth.profiles import Profile, mapping
from .users import caller_of

PROVIDER = "jupyterhub"
# Seconds that the Hub's word is taken for: it does not tell when it has changed its mind.
_REMEMBERED = 60
# What the Hub's tokens look like; those of others need not be shown to it.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
# Nobody has mail there.
_DOMAIN = "jupyterhub.invalid"


class HubAuth:
    """Finds out whose a token of a JupyterHub is; users are made at first sight.

    Args:
        api: The Hub's API, such as `http://hub:8081/hub/api`.
    """

    name = PROVIDER

    def __init__(self, api: str) -> None:
        self._api = api.rstrip("/")
        self._setup: AuthSetup | None = None

    async def setup(self, setup: AuthSetup) -> None:
        """Take what there is to use; the Hub is asked when the first token comes."""
        self._setup = setup

    async def resolve_token(self, token: str) -> Resolved | None:
        """Give whose a bearer token is.

        Raises:
            EnfyraError: ACCOUNT_DISABLED; EXTERNAL_SERVICE_ERROR when the Hub is away.
        """
        setup = self._setup
        if setup is None or not _TOKEN.fullmatch(token):
            return None
        told = mapping(await setup.remote.get(f"{self._api}/user", token=token, or_none=True))
        name = told.get("name")
        if told.get("kind") != "user" or not isinstance(name, str) or not name:
            return None
        profile = Profile(
            provider=PROVIDER,
            id=name,
            email=name.lower() if "@" in name else f"{name}@{_DOMAIN}".lower(),
            name=name,
        )
        user = await setup.linking.user_of(profile, _nothing)
        row = await setup.users.by_id(user)
        if row is None:
            raise EnfyraError("INVALID_TOKEN", "The account no longer exists")
        row.refuse_disabled()
        expires = setup.clock.now().timestamp() + _REMEMBERED
        return Resolved(caller_of(row, login_provider=PROVIDER), expires)

    async def resolve_request(self, headers: Mapping[str, str]) -> Resolved | None:
        """Give nobody: there is a token or nothing."""
        return None

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Give nothing: logins are the Hub's business."""
        return {}

    async def close(self) -> None:
        """Do nothing."""


async def _nothing(_: Profile) -> Mapping[str, str]:
    return {}
