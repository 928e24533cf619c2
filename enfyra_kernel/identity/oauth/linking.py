"""Which user somebody is who has logged in elsewhere; new ones are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ...encoding import decode_json
from ...errors import EnfyraError
from ...query.parse import parse
from ...query.plan import INTERNAL
from ...records.records import Records
from ...records.refusals import together
from ..users import USER, Users
from .profiles import Profile

OAUTH_ACCOUNT = "oauth_account_definition"
# What a provisioning script has no say in.
_IDENTITY = frozenset({"id", "email", "password", "isRootAdmin", "isSystem", "isDisabled"})

Provision = Callable[[Profile], Awaitable[Mapping[str, Any]]]


class Linking:
    """Finds the user of a profile, by the account that is linked to it or by a verified address."""

    def __init__(self, records: Records, users: Users) -> None:
        self._records = records
        self._users = users

    async def user_of(
        self, profile: Profile, provision: Provision, *, by_email: bool = True
    ) -> str:
        """Give the id of a profile's user.

        Args:
            provision: Gives more fields for a new user.
            by_email: Whether a user with the profile's verified address is that user.

        Raises:
            EnfyraError: OAUTH_FAILED, ACCOUNT_DISABLED; what the provisioning raises.
        """
        user = await self.linked(profile.provider, profile.id)
        if user is None:
            try:
                user = await self._link(profile, provision, by_email=by_email)
            except EnfyraError as error:
                if error.code != "DUPLICATE_RESOURCE":
                    raise
                # Somebody logs in twice at once, and the other one was faster.
                user = await self.linked(profile.provider, profile.id)
                if user is None:
                    raise EnfyraError("OAUTH_FAILED") from error
        row = await self._users.by_id(user)
        if row is not None:
            row.refuse_disabled()
        return user

    async def linked(self, provider: str, id_: str) -> str | None:
        """Give the id of the user whom somebody is linked to, by the id that a provider has."""
        asked = parse(
            {"filter": {"provider": provider, "providerUserId": id_},
             "fields": "user.id"}
        )  # fmt: skip
        rows = await self._records.of(OAUTH_ACCOUNT).rows(asked, INTERNAL)
        return rows[0]["user"]["id"] if rows else None

    async def _link(self, profile: Profile, provision: Provision, *, by_email: bool) -> str:
        if profile.email is None:
            raise EnfyraError("OAUTH_FAILED", f"{profile.provider} has told no e-mail address")
        known = await self._users.by_email(profile.email)
        if known is not None:
            if not (by_email and profile.email_verified and await self._is_his(known.id)):
                raise EnfyraError(
                    "OAUTH_FAILED",
                    "There is an account with this e-mail address already",
                    hint="Log in to it with its password",
                )
            await self._records.of(OAUTH_ACCOUNT).create(
                _account(profile, known.id), access=INTERNAL
            )
            return known.id
        more = {name: v for name, v in (await provision(profile)).items() if name not in _IDENTITY}
        row = {**more, "email": profile.email, "password": None}
        async with together(self._records.database) as session:
            created = await self._records.of(USER).create(row, access=INTERNAL, session=session)
            user = decode_json(created)[0]["id"]
            await self._records.of(OAUTH_ACCOUNT).create(
                _account(profile, user), access=INTERNAL, session=session
            )
        return user

    async def _is_his(self, user: str) -> bool:
        """Say whether nobody has made the account by an address that was never verified."""
        asked = parse({"filter": {"user": {"id": user}, "emailVerified": False}, "fields": "id"})
        return not await self._records.of(OAUTH_ACCOUNT).rows(asked, INTERNAL)

    async def others_administrate(self, provider: str, user: str) -> bool:
        """Say whether anybody but a user is an administrator and linked to a provider."""
        asked = parse(
            {"filter": {"provider": provider, "user": {"isRootAdmin": True, "id": {"_neq": user}}}}
        )
        return await self._records.of(OAUTH_ACCOUNT).exists(asked, INTERNAL)

    async def accounts_of(self, user: str) -> list[dict[str, Any]]:
        """Give the accounts elsewhere that a user is linked to."""
        asked = parse(
            {"filter": {"user": {"id": user}}, "sort": "provider", "limit": 0,
             "fields": "id,provider,providerUserId,createdAt"}
        )  # fmt: skip
        return await self._records.of(OAUTH_ACCOUNT).rows(asked, INTERNAL)


def _account(profile: Profile, user: str) -> dict[str, Any]:
    return {
        "provider": profile.provider,
        "providerUserId": profile.id,
        "emailVerified": profile.email_verified,
        "user": {"id": user},
    }
