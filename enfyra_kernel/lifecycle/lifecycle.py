"""The way of a request: route, identity, policy, operation; and what becomes of errors."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

from ..access.guards import Guards
from ..access.policy import authorize
from ..errors import DeadlockError, EnfyraError, StaleDefinitionError, did_you_mean
from ..identity.authenticator import Authenticator
from ..identity.callers import Caller
from ..logs import correlation_id, get_logger
from ..metadata.hooks import NO_SCRIPTS
from ..metadata.registry import Registry
from ..metadata.routes import ITEM_METHODS, Route, RouteMatch, normal_path
from ..metadata.snapshot import Snapshot
from ..metadata.system import SYSTEM_NAMES
from ..metadata.tables import why_not_written
from ..storage.replicated.reader import reads_as
from .accesses import Accesses
from .context import Context
from .guarding import Guarding
from .messages import Request, Response, failure, identify
from .operations import Operations
from .permits import out_of_scope
from .scripted import Scripted
from .scripted.trace import is_traced
from .viewing import View

_log = get_logger("request")

# Between attempts, in seconds: changes of the schema are over soon, unless tables are large.
_PAUSES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)

# What has the guards of all routes, and none of its own.
_NO_ROUTE = 0

# What a request has passed: the guards before, and those after it is known who calls.
_BEFORE, _AFTER = 1, 2


class Lifecycle:
    """Answers requests; knows nothing of the transport that they came by.

    Args:
        operations: What routes do by themselves.
        scripted: Answers where scripts are.
        guarding: Applies guards.
        unsettled: Says whether a change of the schema is under way that others can see half made.
    """

    def __init__(
        self,
        registry: Registry,
        authenticator: Authenticator,
        accesses: Accesses,
        operations: Operations,
        scripted: Scripted,
        guarding: Guarding,
        unsettled: Callable[[], Awaitable[bool]],
    ) -> None:
        self._registry = registry
        self._unsettled = unsettled
        self._authenticator = authenticator
        self._accesses = accesses
        self._operations = operations
        self._scripted = scripted
        self._guarding = guarding

    async def handle(self, request: Request) -> Response:
        """Answer a request; whatever happens, there is a response."""
        identify(request)
        token = correlation_id.set(request.correlation_id)
        try:
            response = await self._answered(request)
        except EnfyraError as error:
            if error.status >= 500:
                _log.warning("request failed", extra={"code": error.code, "path": request.path})
            response = failure(error, request)
        except Exception:
            _log.exception("request failed", extra={"path": request.path})
            response = failure(EnfyraError("INTERNAL_SERVER_ERROR"), request)
        finally:
            correlation_id.reset(token)
        if request.answer_headers:
            response.headers |= request.answer_headers
        return response

    async def view(self, request: Request) -> View:
        """Give what the sender of a request may see of the definitions.

        A token that is worth nothing does no harm, as where methods are public. Finding out whose
        one is costs as much as anywhere: the guards of all routes count it.

        Raises:
            EnfyraError: As guards.
        """
        snapshot = self._registry.current
        caller = request.caller
        if caller is None:
            guards = self._guarding.of(snapshot.permissions)
            told = "authorization" in request.headers or self._authenticator.asks_requests
            if guards is not None and told:
                before = guards.of(_NO_ROUTE, "GET").before
                await self._guarding.admit(before, request, request.path)
            try:
                caller = await self._sender(request)
            except EnfyraError as error:
                if error.status != 401:
                    raise
        return View(snapshot, caller, await self._accesses.of(snapshot, caller))

    async def _answered(self, request: Request) -> Response:
        """Answer a request, once more where others came in between and nothing was done yet."""
        for pause in _PAUSES if request.stream is None else ():
            version = self._registry.current.version
            try:
                return await self._run(request)
            except DeadlockError:
                _log.info("deadlock", extra={"path": request.path})
            except StaleDefinitionError as error:
                # Somebody is changing a table: look once more, with the definitions of then.
                _log.info("stale definition", extra={"reason": str(error)})
                if not await self._is_changing(version):
                    break
            await asyncio.sleep(pause)
        try:
            return await self._run(request)
        except StaleDefinitionError as error:
            _log.exception("definitions and database disagree")
            raise EnfyraError(
                "DATABASE_ERROR", "The database does not have what the definitions say"
            ) from error

    async def _is_changing(self, version: int) -> bool:
        """Say whether definitions have changed since a version, or are changing now."""
        await self._registry.refresh()
        return self._registry.current.version != version or await self._unsettled()

    async def _run(self, request: Request) -> Response:
        if self._authenticator.routes:
            mounted = (request.method, normal_path(request.path))
            handler = self._authenticator.routes.get(mounted)
            if handler is not None:
                return await handler(request)
        snapshot = self._registry.current
        match = snapshot.routes.find(request.path)
        if match is None:
            raise _no_route(request, snapshot)
        route = match.route
        method = request.method
        if method == "HEAD":
            method = "GET"
        if method not in route.available or not match.allows(method):
            raise _wrong_method(request, match)
        guards = self._guarding.of(snapshot.permissions)
        if guards is None:
            caller = request.caller or await self._caller(request, route, method)
            authorize(route, method, caller)
        else:
            caller = await self._guarded(request, route, method, guards)
        if caller is not None:
            reads_as(caller.id)
        access = self._accesses.known(snapshot, caller)
        if access is None:
            access = await self._accesses.of(snapshot, caller)
        context = Context(request, snapshot, match, caller, access)
        scripts = route.scripts.get(method) if route.scripts else None
        if scripts is not None or is_traced(context):
            return await self._scripted.answer(context, scripts or NO_SCRIPTS, self._steadily)
        return await self._operations.of(route, method)(context)

    async def _guarded(
        self, request: Request, route: Route, method: str, guards: Guards
    ) -> Caller | None:
        """Let a request pass its guards, which count it once however often it is tried."""
        here = guards.of(route.definition.id, method)
        if request.passed < _BEFORE:
            await self._guarding.admit(here.before, request, route.path)
            request.passed = _BEFORE
        caller = request.caller or await self._caller(request, route, method)
        authorize(route, method, caller)
        if request.passed < _AFTER:
            user = caller.id if caller is not None else None
            await self._guarding.admit(here.after, request, route.path, user)
            request.passed = _AFTER
        return caller

    async def _steadily(self, context: Context) -> Response:
        """Do what a route does by itself, once more where others came in between.

        The scripts around it are not repeated: nobody knows what they have done already.
        """
        for pause in _PAUSES:
            version = self._registry.current.version
            operation = self._operations.of(context.route, context.method)
            try:
                return await operation(context)
            except DeadlockError:
                _log.info("deadlock", extra={"path": context.request.path})
            except StaleDefinitionError as error:
                _log.info("stale definition", extra={"reason": str(error)})
                if not await self._is_changing(version):
                    break
            await asyncio.sleep(pause)
            context = await self._renewed(context)
        raise EnfyraError("DATABASE_BUSY")

    async def _renewed(self, context: Context) -> Context:
        """Give a request's context with the definitions of now."""
        snapshot = self._registry.current
        match = snapshot.routes.find(context.request.path)
        if match is None or context.method not in match.methods:
            raise _no_route(context.request, snapshot)
        access = await self._accesses.of(snapshot, context.caller)
        return dataclasses.replace(context, snapshot=snapshot, match=match, access=access)

    async def _caller(self, request: Request, route: Route, method: str) -> Caller | None:
        try:
            known = await self._sender(request)
        except EnfyraError as error:
            # Where everybody may come in, a token that is worth nothing does no harm.
            if method in route.public and error.status == 401:
                return None
            raise
        if known is not None and known.api_token is not None:
            return self._in_scope(known, request, route, method)
        return known

    async def _sender(self, request: Request) -> Caller | None:
        """Find out who sent a request, by its token.

        Raises:
            EnfyraError: As the authenticator; AUTHENTICATION_ERROR for what is no bearer token.
        """
        header = request.headers.get("authorization")
        if header is None:
            if self._authenticator.asks_requests:
                return await self._authenticator.by_request(request.headers)
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise EnfyraError("AUTHENTICATION_ERROR", "Send the token as Authorization: Bearer ...")
        known = self._authenticator.cached(token)
        return known if known is not None else await self._authenticator.caller(token.strip())

    def _in_scope(
        self, caller: Caller, request: Request, route: Route, method: str
    ) -> Caller | None:
        """Give whoever sent an API token, if that is meant for what he wants."""
        self._authenticator.used(caller, request.remote_ip)
        path = normal_path(request.path)
        if caller.permits(method, path):
            return caller
        if method in route.public:
            return None
        raise out_of_scope(method, path)


def _no_route(request: Request, snapshot: Snapshot) -> EnfyraError:
    path = normal_path(request.path)
    first = "/" + path.strip("/").partition("/")[0]
    paths = [one for one in snapshot.routes.paths() if one.strip("/") not in SYSTEM_NAMES]
    hint = did_you_mean(first, paths) if first not in paths else ""
    return EnfyraError("ROUTE_NOT_FOUND", f"There is nothing at {path[:200]}.{hint}")


def _wrong_method(request: Request, match: RouteMatch) -> EnfyraError:
    available = match.route.available
    path = match.route.path
    table = match.route.table
    hint = None if table is None else why_not_written(table, request.method)
    if match.item and request.method in {"GET", "HEAD"}:
        key = match.parameters.get("id", "")[:40]
        hint = f'To read one record, filter: GET {path}?filter={{"id":{{"_eq":"{key}"}}}}'
    elif not match.item and request.method in ITEM_METHODS & available:
        hint = f"Name the record: {request.method} {path}/<id>"
    return EnfyraError(
        "METHOD_NOT_ALLOWED",
        f"{request.method[:40]} is not available at {normal_path(request.path)[:200]}",
        details={"allowed": sorted(match.methods)},
        hint=hint,
    )
