"""Logins that steps get which call the API from their own process."""

from __future__ import annotations

from contextlib import suppress

from ...errors import EnfyraError
from ...identity.callers import Caller
from ...identity.sessions import Client, LoggedIn, Sessions
from ...identity.users import Users
from .scene import Scene


class StepLogins:
    """Lets steps in as administrators, whose code they are, for as long as they run.

    It is who has set the run off, if he is an administrator, and the first one otherwise.
    """

    def __init__(self, sessions: Sessions, users: Users) -> None:
        self._sessions = sessions
        self._users = users

    async def begin(self, scene: Scene) -> LoggedIn:
        """Begin a login.

        Raises:
            EnfyraError: There is no administrator.
        """
        caller = await self._administrator(scene)
        device = f"step '{scene.step.key}' of the flow '{scene.flow.name}'"
        return await self._sessions.begin(caller.id, client=Client(device=device))

    async def _administrator(self, scene: Scene) -> Caller:
        if scene.run.triggered_by is not None:
            with suppress(EnfyraError):
                caller = await self._users.caller_of(str(scene.run.triggered_by.id))
                if caller.is_root:
                    return caller
        return await self._users.owner()

    async def end(self, login: LoggedIn) -> None:
        """End a login; its tokens are worth nothing from now on."""
        if login.refresh_token is not None:
            await self._sessions.end(self._sessions.session_of(login.refresh_token))
