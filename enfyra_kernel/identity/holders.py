"""Whom the holder of a Jupyter login acts as: a user of the Hub's, or the first administrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import EnfyraError
from ..logs import get_logger
from .adapters import AuthSetup, Resolved
from .authenticator import Authenticator
from .callers import Caller
from .hub_auth import REMEMBERED
from .hub_people import PROVIDER, HubPeople

_log = get_logger("identity")


@dataclass(frozen=True, slots=True)
class HubServer:
    """A Jupyter Server that a JupyterHub has started.

    Attributes:
        user: Whose it is, by the name that the Hub has.
        api: The Hub's API; None where the server was not told.
        token: The server's own token for it.
    """

    user: str
    api: str | None = None
    token: str | None = None

    @staticmethod
    def of(environment: Mapping[str, str]) -> HubServer | None:
        """Read what the Hub tells the servers that it starts; None where there is no Hub.

        Example:
            >>> HubServer.of({"JUPYTERHUB_USER": "ann"})
            HubServer(user='ann', api=None, token=None)
            >>> HubServer.of({}) is None
            True
        """
        user = environment.get("JUPYTERHUB_USER")
        if not user:
            return None
        return HubServer(
            user,
            environment.get("JUPYTERHUB_API_URL") or None,
            environment.get("JUPYTERHUB_API_TOKEN") or None,
        )


class Holder:
    """Finds whom the holder of a Jupyter login acts as; remembered until that changes.

    Args:
        hub: What the Hub has told the server; None for one that no Hub has started.
    """

    def __init__(
        self, setup: AuthSetup, authenticator: Authenticator, hub: HubServer | None
    ) -> None:
        self._setup = setup
        self._authenticator = authenticator
        self._hub = hub
        self._people = HubPeople(setup)

    async def caller(self) -> Caller:
        """Give whom the holder acts as.

        Raises:
            EnfyraError: ACCOUNT_DISABLED; SERVICE_UNAVAILABLE when there is no administrator;
                OAUTH_FAILED where the Hub's user has an address that is somebody else's.
        """
        return await self._authenticator.holder(self._resolved)

    async def _resolved(self) -> Resolved:
        expires = self._setup.clock.now().timestamp() + REMEMBERED
        if self._hub is None:
            return Resolved(await self._setup.users.owner(), expires)
        account = await self._people.account(self._hub.user)
        if not account.is_root_admin and await self._owns_database(account.id):
            await self._setup.users.make_administrator(account.id)
            account = await self._people.account(self._hub.user)
        admin = self._setup.settings.hub_admins and await self._is_admin(self._hub)
        return Resolved(self._people.caller(account, admin=admin), expires)

    async def _owns_database(self, user: str) -> bool:
        """Say whether the database is a file that nobody else of the Hub has to do with.

        Whoever has the server has the file.
        """
        setup = self._setup
        if setup.settings.db_uri.engine != "sqlite":
            return False
        return not await setup.linking.others_administrate(PROVIDER, user)

    async def _is_admin(self, hub: HubServer) -> bool:
        """Ask the Hub whether its user is an administrator there; while it is away he is none."""
        if hub.api is None or hub.token is None:
            return False
        try:
            told = await self._people.told(hub.api, hub.token)
        except EnfyraError as error:
            _log.warning("the JupyterHub cannot be asked", extra={"reason": error.message})
            return False
        return told.get("name") == hub.user and told.get("admin") is True
