"""Repositories as scripts use them: `find`, `create` and the others on any table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, cast

from ...encoding import decode_json, encode_json
from ...errors import EnfyraError, did_you_mean
from ...metadata.tables import Table, refuse_write
from ...query.ast import EVERYTHING, Query
from ...query.parse import parse
from ...query.plan import ADMINISTRATOR, Access
from ...query.saved import PARAMETERS, SAVED, in_full
from ...records.desk import Permit, anything
from ...records.records import Records
from ...records.repository import Repository
from ...storage.database import Session
from ..context import Context
from ..crud import meta_of
from ..permits import permit_of
from .transactions import Transactions

TRUSTED, SECURE, MAIN = "trusted", "secure", "main"
_READING = (
    "filter", "fields", "include", "sort", "limit", "page", "cursor", "meta", "aggregate",
    "dimensions", "measures", "deep",
)  # fmt: skip
_SHOWING = ("fields", "include", "deep")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "find": (*_READING, SAVED, PARAMETERS),
    "exists": ("filter",),
    "count": ("filter",),
    "create": ("data", "batch", *_SHOWING),
    "update": ("id", "data", "filter", *_SHOWING),
    "delete": ("id", "filter"),
    "upsert": ("data", "key", *_SHOWING),
}

Options = Mapping[str, Any]
# Writes a record of the system's own; gives what its route answers.
SystemWrite = Callable[[Context, Table, str, "Call"], Awaitable[bytes]]


class Call(NamedTuple):
    """What a script asks of a table.

    Attributes:
        access: What it may see.
        permit: Says which nested records it may write.
    """

    verb: str
    options: Options
    access: Access
    permit: Permit
    session: Session | None


class Repositories:
    """Answers what the scripts of one request ask of tables.

    A repository is trusted, unless it is `secure` or `main`: then it shows and takes what the
    caller himself may see and write. Nothing is taken over from the request, except that
    `main.find()` without anything is what the route itself would list.

    Args:
        write_system: Writes rows of the system, which have rules of their own.
    """

    def __init__(
        self,
        context: Context,
        records: Records,
        transactions: Transactions,
        write_system: SystemWrite,
    ) -> None:
        self.context = context
        self._records = records
        self._transactions = transactions
        self._write_system = write_system

    async def call(self, verb: str, arguments: list[Any]) -> bytes:
        """Answer one request; see the table of names in `host`.

        Raises:
            EnfyraError: As the API would answer; INVALID_ARGUMENT for what is no option.
        """
        name, access, given, number = [*arguments, None, None, None, None][:4]
        table = self._table(name, access)
        options = read_options(verb, given, table)
        trusted = access == TRUSTED
        async with self._transactions.using(number) as session:
            call = Call(
                verb,
                options,
                ADMINISTRATOR if trusted else self.context.access,
                anything if trusted else permit_of(self.context),
                session,
            )
            if verb in _METHODS and table.definition.is_system:
                return await self._write_system(self.context, table, _METHODS[verb], call)
            return await self._done(table, call)

    def _table(self, name: Any, access: Any) -> Table:
        snapshot = self.context.snapshot
        if access == MAIN:
            table = self.context.route.table
            if table is None:
                raise EnfyraError(
                    "INVALID_ARGUMENT",
                    f"The route {self.context.route.path} has no table, so that @REPOS.main is "
                    "nothing",
                )
            return table
        table = snapshot.find(name) if isinstance(name, str) else None
        if table is None:
            own = [one.name for one in snapshot.tables.values() if not one.definition.is_system]
            raise EnfyraError(
                "INVALID_ARGUMENT",
                f"There is no table '{str(name)[:64]}'.{did_you_mean(str(name), own)}",
                hint="Write #table or @REPOS.table with the name of a table",
            )
        return table

    async def _done(self, table: Table, call: Call) -> bytes:
        repository = self._records.of_table(table, self.context.snapshot)
        match call.verb:
            case "find":
                return await self._find(repository, call)
            case "exists":
                found = await repository.exists(_filtered(call), call.access, call.session)
                return encode_json(found)
            case "count":
                asked = parse(call.options)
                return encode_json(await repository.count(asked, call.access, call.session))
            case "create":
                return await _create(repository, call)
            case "update":
                return await _update(repository, call)
            case "delete":
                return await _delete(repository, call)
            case _:
                return await _upsert(repository, call)

    async def _find(self, repository: Repository, call: Call) -> bytes:
        table = repository.table.definition.id
        query = parse(in_full(call.options, self.context.snapshot.queries, table))
        if not call.options and call.access is not ADMINISTRATOR:
            query = self._default(repository)
        page = await repository.find(query, call.access, call.session)
        meta = meta_of(page)
        end = b"}" if meta is None else b',"meta":' + encode_json(meta) + b"}"
        return b'{"data":' + page.rows + end

    def _default(self, repository: Repository) -> Query:
        """Give what `main.find()` means: the list that the request itself asks for."""
        context = self.context
        if repository.table is context.route.table and context.request.method in {"GET", "HEAD"}:
            return context.query(ignoring=frozenset({"format"}))
        return EVERYTHING


_METHODS = {"create": "POST", "update": "PATCH", "delete": "DELETE", "upsert": "POST"}


def read_options(verb: str, given: Any, table: Table) -> Options:
    """Read the options of a call.

    Raises:
        EnfyraError: INVALID_ARGUMENT, naming the nearest option.
    """
    options: Any = given if given is not None else {}
    if not isinstance(options, dict):
        raise EnfyraError(
            "INVALID_ARGUMENT", f"{table.name}.{verb} takes an object of options, or names"
        )
    named = cast("dict[str, Any]", options)
    known = _OPTIONS[verb]
    if verb in {"exists", "count"} and not named.keys() & {"filter"} and named:
        # A filter by itself is short for it.
        return {"filter": named}
    for name in named:
        if name not in known:
            raise EnfyraError(
                "INVALID_ARGUMENT",
                f"{table.name}.{verb} has no option '{name[:64]}'.{did_you_mean(name, known)}",
                hint=f"It takes {', '.join(known)}",
            )
    _check_saved(named, table)
    return {name: value for name, value in named.items() if value is not None}


def _check_saved(options: Options, table: Table) -> None:
    """Refuse a call that has forgotten the name: it would find all records."""
    if SAVED in options and not isinstance(options[SAVED], str):
        raise EnfyraError(
            "INVALID_ARGUMENT", f"{table.name}.find: {SAVED} must be the name of a saved query"
        )
    if PARAMETERS in options and SAVED not in options:
        raise EnfyraError(
            "INVALID_ARGUMENT",
            f"{table.name}.find: {PARAMETERS} are those of a saved query; name it as {SAVED}",
        )


def _shown(options: Options) -> Query:
    return parse({name: options[name] for name in _SHOWING if name in options})


def _filtered(call: Call) -> Query:
    """Give the query of a call that needs a filter to mean something."""
    if not call.options.get("filter"):
        raise EnfyraError(
            "INVALID_ARGUMENT",
            f"{call.verb} needs a filter that says which records",
            hint='For all of them: {"id": {"_is_not_null": true}}',
        )
    return parse({"filter": call.options["filter"]})


def _needed(call: Call, name: str) -> Any:
    if name not in call.options:
        raise EnfyraError("INVALID_ARGUMENT", f"{call.verb} needs {name}")
    return call.options[name]


def _key(call: Call) -> str:
    key = call.options["id"]
    if type(key) not in {str, int}:
        raise EnfyraError("INVALID_ARGUMENT", f"{call.verb} needs an id, not {str(key)[:40]}")
    return str(key)


def _rows(rows: bytes) -> bytes:
    return b'{"data":' + rows + b"}"


async def _create(repository: Repository, call: Call) -> bytes:
    data, query = _needed(call, "data"), _shown(call.options)
    refuse_write(repository.table, "POST")
    if isinstance(data, list):
        many = cast("list[Any]", data)
        rows = await repository.create_many(
            many, query, call.access, call.session, permit=call.permit
        )
    else:
        rows = await repository.create(data, query, call.access, call.session, permit=call.permit)
    return _rows(rows)


async def _upsert(repository: Repository, call: Call) -> bytes:
    key = _needed(call, "key")
    fields = cast("list[Any]", key) if isinstance(key, list) else str(key).split(",")
    refuse_write(repository.table, "POST")
    done = await repository.upsert(
        _needed(call, "data"),
        tuple(str(one).strip() for one in fields),
        _shown(call.options),
        call.access,
        call.session,
        permit=call.permit,
    )
    return b'{"data":' + done.rows + b',"outcomes":' + encode_json(done.outcomes) + b"}"


async def _update(repository: Repository, call: Call) -> bytes:
    data = _needed(call, "data")
    refuse_write(repository.table, "PATCH")
    if "id" not in call.options:
        affected = await repository.update_met(
            data, _filtered(call), call.access, call.session, show=True, permit=call.permit
        )
        return _rows(affected.rows or b"[]")
    query = parse({k: v for k, v in call.options.items() if k in {"filter", *_SHOWING}})
    rows = await repository.update(
        _key(call),
        data,
        query,
        call.access,
        call.session,
        permit=call.permit,
    )
    return _rows(rows)


async def _delete(repository: Repository, call: Call) -> bytes:
    refuse_write(repository.table, "DELETE")
    if "id" not in call.options:
        affected = await repository.delete_met(_filtered(call), call.access, call.session)
        return encode_json(
            {"message": "Deleted", "statusCode": 200, "affectedCount": affected.count}
        )
    query = parse({"filter": call.options["filter"]}) if "filter" in call.options else EVERYTHING
    await repository.delete(
        _key(call),
        call.session,
        query=query,
        access=call.access,
    )
    return encode_json({"message": "Deleted", "statusCode": 200})


def decoded_arguments(arguments: bytes) -> list[Any]:
    """Read the arguments of a call out of what a script's process has sent.

    Raises:
        EnfyraError: INVALID_ARGUMENT.
    """
    found = decode_json(arguments)
    if not isinstance(found, list):
        raise EnfyraError("INVALID_ARGUMENT", "The arguments of a call must be a list")
    return cast("list[Any]", found)
