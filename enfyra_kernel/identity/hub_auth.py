"""Tokens of a JupyterHub: the Hub says whose they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from ..errors import EnfyraError
from .adapters import AuthSetup, Handler, Resolved
from .hub_people import PROVIDER, HubPeople

# Seconds that the Hub's word is taken for: it does not tell when it has changed its mind.
REMEMBERED = 60
# What the Hub's tokens look like; those of others need not be shown to it.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
# What the token of a server may do, and those that somebody makes for himself.
_OPENS = "access:servers"


class HubAuth:
    """Finds out whose a token of a JupyterHub is; users are made at first sight.

    Args:
        api: The Hub's API, such as `http://hub:8081/hub/api`.
    """

    name = PROVIDER

    def __init__(self, api: str) -> None:
        self._api = api
        self._setup: AuthSetup | None = None

    async def setup(self, setup: AuthSetup) -> None:
        """Take what there is to use; the Hub is asked when the first token comes."""
        self._setup = setup

    async def resolve_token(self, token: str) -> Resolved | None:
        """Give whose a bearer token is.

        Raises:
            EnfyraError: ACCOUNT_DISABLED; INVALID_TOKEN for one that the Hub has given to somebody
                else's server; EXTERNAL_SERVICE_ERROR when the Hub is away.
        """
        setup = self._setup
        if setup is None or not _TOKEN.fullmatch(token):
            return None
        people = HubPeople(setup)
        told = await people.told(self._api, token)
        name = told.get("name")
        if told.get("kind") != "user" or not isinstance(name, str) or not name:
            return None
        if not _opens_own_server(told.get("scopes"), name):
            raise EnfyraError(
                "INVALID_TOKEN",
                "The JupyterHub did not give this token to a server of its user's own",
                hint=f"A token that counts here has the scope {_OPENS}!server={name}/",
            )
        account = await people.account(name)
        expires = setup.clock.now().timestamp() + REMEMBERED
        return Resolved(people.caller(account, admin=told.get("admin") is True), expires)

    async def resolve_request(self, headers: Mapping[str, str]) -> Resolved | None:
        """Give nobody: there is a token or nothing."""
        return None

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Give nothing: logins are the Hub's business."""
        return {}

    async def close(self) -> None:
        """Do nothing."""


def _opens_own_server(scopes: object, name: str) -> bool:
    """Say whether a token is its user's own, and not one for a server or service that he visits.

    The Hub gives these a token as well, by which they see who comes; with it they could act here
    as whoever looks in, such as an administrator.

    Example:
        >>> _opens_own_server(["access:servers!server=ann/"], "ann")
        True
        >>> _opens_own_server(["access:servers!server=ben/"], "ann")
        False
    """
    if not isinstance(scopes, list):
        return False
    whole = {_OPENS, f"{_OPENS}!user={name}"}
    named = f"{_OPENS}!server={name}/"
    return any(
        isinstance(one, str) and (one in whole or one.startswith(named))
        for one in cast("list[object]", scopes)
    )
