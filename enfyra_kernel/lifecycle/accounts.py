"""Logging in and out, and the caller's own account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ..encoding import encode_json
from ..errors import EnfyraError, did_you_mean
from ..identity.callers import Caller
from ..identity.resets import PasswordResets
from ..identity.sessions import Sessions
from ..identity.users import USER
from ..query.ast import Compare, Operator, Query, Shape
from ..query.plan import Access
from ..records.records import Records
from ..records.refusals import together
from .asking import caller_in, client_of, person_in, strict
from .context import Context
from .messages import Response, spread, success
from .permits import permit_of
from .user_rows import UserRows


class Accounts:
    """Operations on logins and on `/me`."""

    def __init__(
        self, sessions: Sessions, records: Records, users: UserRows, resets: PasswordResets
    ) -> None:
        self._sessions = sessions
        self._resets = resets
        self._records = records
        self._users = users

    # -- logins ---------------------------------------------------------------------------------

    async def login(self, context: Context) -> Response:
        """Answer POST /auth/login."""
        body = strict(await context.json(), {"email": str, "password": str}, {"remember": bool})
        given = await self._sessions.login(
            body["email"],
            body["password"],
            remember=body.get("remember", False),
            client=client_of(context.request),
        )
        return spread(msgspec.to_builtins(given))

    async def refresh(self, context: Context) -> Response:
        """Answer POST /auth/refresh-token."""
        body = strict(await context.json(), {"refreshToken": str}, {})
        given = await self._sessions.refresh(body["refreshToken"])
        return spread(msgspec.to_builtins(given))

    async def logout(self, context: Context) -> Response:
        """Answer POST /auth/logout: by the refresh token in the body, or by the bearer token.

        `all` ends the other logins of the account, too.
        """
        body: dict[str, Any] = {}
        if context.request.body:
            body = strict(await context.json(), {}, {"refreshToken": str, "all": bool})
        if body.get("all", False):
            await self._sessions.end_all(person_in(context).id)
            return success(message="Logged out everywhere")
        session: str | None = None
        if "refreshToken" in body:
            session = self._sessions.session_of(body["refreshToken"])
        elif context.caller is not None:
            session = context.caller.session
        if session is None:
            raise EnfyraError("AUTHENTICATION_ERROR", "There is no login to end")
        await self._sessions.end(session)
        return success(message="Logged out")

    async def sessions(self, context: Context) -> Response:
        """Answer GET /me/sessions: the logins of the account."""
        caller = caller_in(context)
        rows = await self._sessions.of_user(caller.id)
        return success(
            encode_json([row | {"isCurrent": row["id"] == caller.session} for row in rows])
        )

    async def end_session(self, context: Context) -> Response:
        """Answer DELETE /me/sessions/:id."""
        id_ = context.parameters["id"]
        if not await self._sessions.end(id_, user=person_in(context).id):
            raise EnfyraError("RESOURCE_NOT_FOUND", f"You have no login '{id_[:80]}'")
        return success(message="Logged out")

    # -- forgotten passwords --------------------------------------------------------------------

    async def forgot_password(self, context: Context) -> Response:
        """Answer POST /auth/password/forgot: the same, whether or not there is an account."""
        body = strict(await context.json(), {"email": str}, {})
        await self._resets.ask(body["email"], context.request.remote_ip)
        return success(status=202, message="If there is such an account, its owner hears of it")

    async def reset_password(self, context: Context) -> Response:
        """Answer POST /auth/password/reset."""
        body = strict(await context.json(), {"token": str, "password": str}, {})
        await self._resets.reset(body["token"], body["password"])
        return success(message="The password is set")

    # -- the account ----------------------------------------------------------------------------

    async def me(self, context: Context) -> Response:
        """Answer GET /me."""
        return success(await self._account(caller_in(context), context))

    async def change_me(self, context: Context) -> Response:
        """Answer PATCH /me: the password, and fields that are the user's to change."""
        caller = caller_in(context)
        body = await context.json()
        if not isinstance(body, Mapping):
            raise EnfyraError("INVALID_BODY", "The body must be a JSON object")
        named = cast("Mapping[str, Any]", body)
        self._refuse_protected(named, _access(context))
        if named.get("password", "") is None:
            raise EnfyraError("INVALID_BODY", problems=["password must be a text"])
        values, password = await self._users.prepared(named, caller)
        self._users.refuse_token(caller, named, password)
        async with together(self._records.database) as session:
            if password is not None:
                await self._users.set_password(caller.id, password, session)
            if values:
                await self._records.of(USER).update(
                    caller.id,
                    values,
                    access=_access(context),
                    session=session,
                    permit=permit_of(context),
                )
        await self._users.changed(caller.id, named, caller)
        return success(await self._account(caller, context))

    def _refuse_protected(self, values: Mapping[str, Any], access: Access) -> None:
        table = self._records.of(USER).table
        problems: list[str] = []
        for name in values:
            column = table.columns.get(name)
            if name == "password" or (
                column is not None
                and column.is_published
                and column.is_updatable
                and not (column.is_system and name != "email")
            ):
                continue
            relation = table.relations.get(name)
            if relation is not None and not relation.definition.is_system:
                continue
            if column is None and relation is None:
                hint = did_you_mean(name, access.names(table))
                problems.append(f"{name} is not allowed.{hint}")
            else:
                problems.append(f"{name} cannot be changed here")
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems)

    async def _account(self, caller: Caller, context: Context) -> bytes:
        repository = self._records.of(USER)
        asked = context.query() if context.request.method == "GET" else Query()
        shape = Shape(
            where=Compare("id", Operator.EQ, 0), fields=asked.shape.fields, deep=asked.shape.deep
        )
        rows = await repository.rows(Query(shape=shape, values=(caller.id,)), _access(context))
        if not rows:
            raise EnfyraError("INVALID_TOKEN", "The account no longer exists")
        return encode_json([rows[0] | {"loginProvider": caller.login_provider}])


def _access(context: Context) -> Access:
    return context.access.with_own_account(context.snapshot.tables[USER])
