"""Records created, changed and deleted over their table's route."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

from ..errors import EnfyraError, did_you_mean
from ..metadata.routes import normal_path
from ..query.ast import EVERYTHING, Query
from ..records.idempotency import Answer, Idempotency
from ..records.records import Records
from ..records.repository import Affected, Repository
from ..storage.database import Session
from .conditional import preconditions_of, refuse_preconditions, tagged
from .context import Context
from .fingerprints import Fingerprints
from .messages import Response, success
from .permits import permit_also, permit_of

JSON_PATCH = "application/json-patch+json"
MODES = ("append", "upsert")
_CREATING = frozenset({"mode", "key", "format"})
_MANY = frozenset({"maxAffected"})
_NONE: frozenset[str] = frozenset()
# Printable characters, as many as the database keeps.
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

Work = Callable[[Context, Session | None], Awaitable[Response]]


class Writes:
    """Answers the methods that write, for tables of records."""

    def __init__(self, records: Records, idempotency: Idempotency) -> None:
        self._records = records
        self._idempotency = idempotency
        self._fingerprints = Fingerprints()

    def _repository(self, context: Context) -> Repository:
        return self._records.of_table(context.table, context.snapshot)

    # -- creating -------------------------------------------------------------------------------

    async def create(self, context: Context) -> Response:
        """Create one record, or a list of them; with `mode=upsert`, or update those there."""
        refuse_preconditions(context, "POST; a unique field keeps records from being there twice")
        return await self._once(context, self._create)

    async def _create(self, context: Context, session: Session | None) -> Response:
        repository = self._repository(context)
        body = await context.json()
        query = answer_of(context, _CREATING, filtered=False)
        permit, access = permit_of(context), context.access
        if context.has_query and (key := _upsert_key(context)) is not None:
            permit_also(context, "PATCH", "mode=upsert")
            done = await repository.upsert(_some(body), key, query, access, session, permit=permit)
            meta = {
                "createdCount": done.outcomes.count("created"),
                "updatedCount": done.outcomes.count("updated"),
                "outcomes": done.outcomes,
            }
            response = success(done.rows, status=200 if meta["updatedCount"] else 201, meta=meta)
            one = not isinstance(body, list)
            return tagged(response, repository, done.rows, query, access) if one else response
        if isinstance(body, list):
            rows = await repository.create_many(_some(body), query, access, session, permit=permit)
            return success(rows, status=201)
        rows = await repository.create(body, query, access, session, permit=permit)
        return tagged(success(rows, status=201), repository, rows, query, access)

    # -- changing -------------------------------------------------------------------------------

    async def update(self, context: Context) -> Response:
        """Change one record, a list of them, or all that meet a filter."""
        work = self._update if context.match.item else self._update_many
        return await self._once(context, work)

    async def _update(self, context: Context, session: Session | None) -> Response:
        repository = self._repository(context)
        query, access = answer_of(context), context.access
        by_patch = context.content_type == JSON_PATCH
        rows = await (repository.patch if by_patch else repository.update)(
            key_of(context),
            await context.json(),
            query,
            access,
            session,
            preconditions=preconditions_of(context),
            permit=permit_of(context),
        )
        return tagged(success(rows), repository, rows, query, access)

    async def _update_many(self, context: Context, session: Session | None) -> Response:
        refuse_preconditions(context, "many records at once")
        if context.content_type == JSON_PATCH:
            raise EnfyraError(
                "UNSUPPORTED_MEDIA_TYPE",
                "A JSON Patch changes one record",
                hint=f"Name it: PATCH {context.route.path}/<id>",
            )
        repository = self._repository(context)
        query, access = answer_of(context, _MANY), context.access
        permit, body = permit_of(context), await context.json()
        if isinstance(body, list):
            if query.shape.where is not None or context.option("maxAffected") is not None:
                raise EnfyraError(
                    "INVALID_QUERY",
                    "A list names its records by their keys; filter and maxAffected do not go "
                    "with it",
                )
            rows = await repository.update_many(_some(body), query, access, session, permit=permit)
            return success(rows)
        affected = await repository.update_met(
            body,
            query,
            access,
            session,
            most=_most(context),
            show=_shows(query),
            permit=permit,
        )
        return _affected(affected, "Success")

    async def replace(self, context: Context) -> Response:
        """Replace one record."""
        repository = self._repository(context)
        query, access = answer_of(context), context.access
        rows = await repository.replace(
            key_of(context),
            await context.json(),
            query,
            access,
            preconditions=preconditions_of(context),
            permit=permit_of(context),
        )
        return tagged(success(rows), repository, rows, query, access)

    # -- deleting -------------------------------------------------------------------------------

    async def delete(self, context: Context) -> Response:
        """Delete one record, or all that meet a filter."""
        repository = self._repository(context)
        access = context.access
        if context.match.item:
            await repository.delete(
                key_of(context),
                query=answer_of(context),
                access=access,
                preconditions=preconditions_of(context),
            )
            return success(message="Deleted")
        refuse_preconditions(context, "many records at once")
        query = answer_of(context, _MANY)
        affected = await repository.delete_met(
            query, access, most=_most(context), show=_shows(query)
        )
        return _affected(affected, "Deleted")

    # -- doing it once --------------------------------------------------------------------------

    async def _once(self, context: Context, work: Work) -> Response:
        """Do the work, or give the answer that was kept under the request's Idempotency-Key."""
        key = context.request.headers.get("idempotency-key")
        if key is None:
            return await work(context, None)
        key = key.strip().strip('"')
        if not _KEY.fullmatch(key):
            raise EnfyraError(
                "BAD_REQUEST",
                "Idempotency-Key must be a text of 1 to 255 characters without spaces, such as a "
                "UUID",
            )

        async def answer(session: Session) -> Answer:
            response = await work(context, session)
            return Answer(response.status, response.body, response.headers.get("ETag"))

        caller = context.caller.id if context.caller is not None else ""
        sees = self._fingerprints.of(context)
        given = await self._idempotency.once(caller, key, _hash(context), sees, answer)
        headers = {"ETag": given.etag} if given.etag is not None else {}
        if given.replayed:
            headers["Idempotency-Replayed"] = "true"
        return Response(given.status, given.body, headers=headers)


def refuse_idempotency(context: Context) -> None:
    """Refuse an Idempotency-Key where nothing would be kept for it."""
    if "idempotency-key" in context.request.headers:
        raise EnfyraError("BAD_REQUEST", f"Idempotency-Key is not for {context.route.path}")


def _hash(context: Context) -> str:
    request = context.request
    parts = (request.method, normal_path(request.path), request.query, context.content_type)
    digest = hashlib.sha256("\n".join(parts).encode())
    digest.update(b"\n" + request.body)
    return digest.hexdigest()


# -- parameters -----------------------------------------------------------------------------------


def answer_of(context: Context, options: frozenset[str] = _NONE, *, filtered: bool = True) -> Query:
    """Give the query of a request that writes: what its answer shows and, perhaps, a condition.

    Args:
        options: Parameters that the operation reads by itself.
        filtered: Whether a filter says something here.
    """
    if not context.has_query:
        return EVERYTHING
    query = context.query(ignoring=options)
    shape = query.shape
    misplaced = {
        "filter": shape.where is not None and not filtered,
        "sort": bool(shape.sort),
        "aggregate": bool(shape.aggregates),
        "dimensions": shape.grouping is not None,
        "meta": shape.filter_count or shape.total_count,
        "cursor": shape.keyed,
        "limit": query.limit is not None,
        "page": query.page != 1,
        "explain": query.explain,
    }
    for name, given in misplaced.items():
        if given:
            hint = "maxAffected says how many records may be written" if name == "limit" else None
            raise EnfyraError(
                "INVALID_QUERY", f"{name} does not go with {context.request.method}", hint=hint
            )
    return query


def _upsert_key(context: Context) -> tuple[str, ...] | None:
    """Give the fields that tell records apart, if records are to be upserted."""
    mode, key = context.option("mode"), context.option("key")
    if mode is not None and mode not in MODES:
        hint = did_you_mean(mode, MODES)
        raise EnfyraError(
            "INVALID_QUERY",
            f"mode must be one of {', '.join(MODES)}.{hint}",
            hint="mode=replace is for streams of records" if mode == "replace" else None,
        )
    if mode != "upsert":
        if key is not None:
            raise EnfyraError("INVALID_QUERY", "key goes with mode=upsert only")
        return None
    return tuple(part.strip() for part in (key or "").split(",") if part.strip())


def _most(context: Context) -> int | None:
    text = context.option("maxAffected")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise EnfyraError("INVALID_QUERY", "maxAffected must be a whole number of at least 0")
    return int(text)


def _shows(query: Query) -> bool:
    """Say whether the records themselves are asked for."""
    return query.shape.fields is not None or bool(query.shape.deep)


def _affected(affected: Affected, message: str) -> Response:
    return success(affected.rows, message=message, meta={"affectedCount": affected.count})


def _some(body: Any) -> Any:
    if isinstance(body, list) and not body:
        raise EnfyraError("INVALID_BODY", "The list of records is empty")
    return cast("Any", body)


def key_of(context: Context) -> str:
    """Give the key of the record that the path names."""
    return context.parameters["id"]
