"""Scripts that say more of a new user than his provider does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from ..encoding import decode_json, encode_json
from ..errors import EnfyraError
from ..identity.oauth import Profile, Provider
from ..identity.users import USER
from ..query.plan import ADMINISTRATOR
from ..records.records import Records
from ..scripts.script import Language, Script, Stage
from .context import Context
from .messages import JSON, Response, success
from .named import Named
from .scripted import Scripted
from .scripted.sections import sections_seen
from .scripted.stages import Prepared
from .scripted.trace import trace_of


class Provisioning:
    """Runs the script of a provider, once for each new user.

    Args:
        scripted: Gives what runs scripts.
    """

    def __init__(self, scripted: Callable[[], Scripted], records: Records) -> None:
        self._scripted = scripted
        self._named = Named(records)

    async def fields(
        self, provider: Provider, profile: Profile, context: Context
    ) -> Mapping[str, Any]:
        """Give the fields that a script returns for somebody; `@BODY` is his profile.

        Raises:
            EnfyraError: What the script throws; INVALID_BODY when it returns no object.
        """
        if not provider.source_code:
            return {}
        script = Script(
            name=f"provisioning by '{provider.name}'",
            stage=Stage.HANDLER,
            language=Language(provider.script_language),
            source=provider.source_code,
        )
        body = encode_json(msgspec.to_builtins(profile))
        request = dataclasses.replace(
            context.request, method="POST", query="", headers={"content-type": JSON}, body=body
        )
        inner = dataclasses.replace(context, request=request, caller=None)
        run = await self._scripted().begin(
            inner, Prepared((), script, (), sections_seen((script,))), trace_of(inner, debug=False)
        )
        try:
            response = await run.answer(_nothing)
        finally:
            await run.close()
        return await self._read(provider, response, context)

    async def _read(
        self, provider: Provider, response: Response, context: Context
    ) -> Mapping[str, Any]:
        given = decode_json(response.body)
        if response.status >= 400:
            raise EnfyraError(
                "OAUTH_FAILED", f"The script of '{provider.name}': {given['message']}"
            )
        if given is None:
            return {}
        if not isinstance(given, dict):
            raise EnfyraError(
                "OAUTH_FAILED", f"The script of '{provider.name}' has to return fields of the user"
            )
        table = context.snapshot.table(USER)
        return await self._named.resolved(
            table, cast("dict[str, Any]", given), context.snapshot, ADMINISTRATOR
        )


async def _nothing(_: Context) -> Response:
    return success()
