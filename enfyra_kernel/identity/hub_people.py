"""The people of a JupyterHub, who are users here; made at first sight."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ..errors import EnfyraError
from .adapters import AuthSetup
from .callers import Caller
from .oauth.profiles import Profile, mapping
from .users import UserRow, caller_of

PROVIDER = "jupyterhub"
# Nobody has mail there.
_DOMAIN = "jupyterhub.invalid"


class HubPeople:
    """Finds the users that people of a JupyterHub are.

    Args:
        setup: What there is to use.
    """

    def __init__(self, setup: AuthSetup) -> None:
        self._setup = setup

    async def told(self, api: str, token: str) -> Mapping[str, object]:
        """Ask the Hub whose a token is; nobody's if it does not know it.

        Args:
            api: The Hub's API, such as `http://hub:8081/hub/api`.

        Raises:
            EnfyraError: EXTERNAL_SERVICE_ERROR when the Hub is away.
        """
        url = f"{api.rstrip('/')}/user"
        return mapping(await self._setup.remote.get(url, token=token, or_none=True))

    async def account(self, name: str) -> UserRow:
        """Give the account of somebody by the name that the Hub has.

        Raises:
            EnfyraError: ACCOUNT_DISABLED; OAUTH_FAILED where somebody else has the address.
        """
        profile = Profile(
            provider=PROVIDER,
            id=name,
            email=name.lower() if "@" in name else f"{name}@{_DOMAIN}".lower(),
            name=name,
        )
        user = await self._setup.linking.user_of(profile, _nothing)
        row = await self._setup.users.by_id(user)
        if row is None:
            raise EnfyraError("INVALID_TOKEN", "The account no longer exists")
        row.refuse_disabled()
        return row

    def caller(self, account: UserRow, *, admin: bool) -> Caller:
        """Give somebody as a caller.

        Args:
            admin: Whether the Hub says that it is an administrator of its own. That counts where
                the settings say so, and for as long as the Hub does.
        """
        caller = caller_of(account, login_provider=PROVIDER)
        if admin and self._setup.settings.hub_admins:
            return dataclasses.replace(caller, is_root=True)
        return caller


async def _nothing(_: Profile) -> Mapping[str, str]:
    return {}
