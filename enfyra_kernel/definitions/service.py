"""All definitions as one document: exported, compared, applied."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import EnfyraError, did_you_mean
from ..identity.callers import Caller
from ..identity.users import USER
from ..metadata.registry import Registry
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR
from ..records.definitions import Definitions
from ..records.records import Records
from .checking import Problem, read_document, refuse, unknown_names, users_of
from .comparing import EXTRA, Change, compare
from .current import CurrentDefinitions
from .kinds import FLOWS, KINDS, ROUTES, TABLES, Document, Item
from .planning import TablePlan, adopted
from .reporting import report_of
from .routes import RouteDefaults
from .rowing import OPENING, Rows, body_of
from .secrets import filled, filled_flow
from .selection import of_tables

# Told of each thing that is done: its number, how many there are, and what it was.
Told = Callable[[int, int, str], None]
_SYSTEM = Caller(id="", email="system", is_root=True)


@dataclass(frozen=True, slots=True)
class _Compared:
    """A document next to what is.

    Attributes:
        ids: Of the rows that are there, by section, in the order of the changes' `there`.
        missing: Secrets that a document names and nobody knows, with their places.
    """

    document: Document
    changes: list[Change]
    ids: dict[str, list[Any]]
    missing: list[Problem]

    def of(self, *, tables: bool) -> list[Change]:
        return [one for one in self.changes if (one.kind.section == TABLES) is tables]


class DefinitionDocuments:
    """Exports, compares and applies definitions.

    Attributes:
        rows: Writes rows; set when the server's operations are there.
    """

    rows: Rows

    def __init__(self, records: Records, registry: Registry, definitions: Definitions) -> None:
        self._current = CurrentDefinitions(records, registry)
        self._records = records
        self._registry = registry
        self._definitions = definitions
        self._applying = asyncio.Lock()

    async def export(self, tables: Sequence[str] | None = None) -> Document:
        """Give what people have defined; secrets are named, and never in it.

        Args:
            tables: Only what is about these.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND for a table that is not there.
        """
        current = await self._current.read()
        if tables is None:
            return {**current.document, "secrets": sorted(current.secrets)}
        _refuse_unknown(tables, current.document)
        return of_tables(current.document, tables)

    async def diff(
        self, document: Any, tables: Sequence[str] | None = None, *, prune: bool = False
    ) -> Item:
        """Say what applying a document would change.

        Args:
            tables: Only what is about these.
            prune: Whether what is in no document would be deleted.

        Raises:
            EnfyraError: INVALID_BODY for a document that cannot be applied, with the places; all
                that a change of tables is refused with.
        """
        compared = await self._compare(document, tables)
        preview = await self._preview(self._plan(compared, prune=prune))
        return report_of(compared.changes, preview, compared.missing, prune=prune)

    async def apply(
        self,
        document: Any,
        tables: Sequence[str] | None = None,
        *,
        prune: bool = False,
        confirm: str | None = None,
        caller: Caller | None = None,
        told: Told | None = None,
    ) -> Item:
        """Make the definitions those of a document. Done a second time, it changes nothing.

        The tables change at once, or not at all; then all else, one after the other.

        Args:
            confirm: The hash of the diff, to confirm that what it says may get lost.
            caller: Whose versions of scripts it makes; nobody's without one.
            told: Told of what is done.

        Raises:
            EnfyraError: As `diff`; SCHEMA_CONFIRMATION_REQUIRED or _MISMATCH. Of an error in the
                middle, the details tell what was applied, and what was not.
        """
        async with self._applying:
            compared = await self._compare(document, tables)
            refuse(compared.missing)
            plan = self._plan(compared, prune=prune)
            preview = await self._preview(plan)
            report = report_of(compared.changes, preview, compared.missing, prune=prune)
            _confirm(report, confirm)
            changes = [one for one in compared.changes if prune or one.what != EXTRA]
            work = _Work(told or _nobody, changes)
            await self._apply_tables(compared, plan, preview, work)
            if compared.of(tables=True):
                again = await self._compare(document, tables)
                compared = replace(again, changes=again.of(tables=False))
            await self._apply_rows(compared, caller or _SYSTEM, work, prune=prune)
        return {**report, "applied": work.applied}

    # -- comparing ------------------------------------------------------------------------------

    async def _compare(self, source: Any, tables: Sequence[str] | None) -> _Compared:
        document = read_document(source)
        current = await self._current.read()
        there = current.document
        if tables is not None:
            _refuse_unknown(tables, there, document)
            there, document = of_tables(there, tables), of_tables(document, tables)
        # A selection holds the same items.
        by_item = {
            id(item): id_
            for section in KINDS
            for item, id_ in zip(current.document[section], current.ids[section], strict=True)
        }
        ids = {name: [by_item[id(one)] for one in there.get(name, ())] for name in KINDS}
        names = [one["name"] for one in document.get(TABLES, ())]
        routes = RouteDefaults.of(self._registry.current).and_of(names)
        users = await self._users(users_of(document))
        refuse(unknown_names(document, current.document, users, routes))
        missing: list[Problem] = []
        there = _with_secrets(there, current.secrets, [])
        document = _with_secrets(document, current.secrets, missing)
        changes = await asyncio.to_thread(compare, there, document, routes)
        return _Compared(document, changes, ids, missing)

    async def _users(self, emails: set[str]) -> list[str]:
        if not emails:
            return []
        asked = parse({"filter": {"email": {"_in": sorted(emails)}}, "fields": "email", "limit": 0})
        rows = await self._records.of(USER).rows(asked, ADMINISTRATOR)
        return [row["email"] for row in rows]

    def _plan(self, compared: _Compared, *, prune: bool) -> TablePlan:
        changes = [one for one in compared.of(tables=True) if prune or one.what != EXTRA]
        return TablePlan(changes, compared.document.get(TABLES, ()))

    async def _preview(self, plan: TablePlan) -> Item | None:
        if not plan:
            return None
        try:
            changed = await self._definitions.change_tables(plan.edit, preview=True)
        except EnfyraError as error:
            raise plan.placed(error) from None
        return dict(changed.preview)

    # -- applying -------------------------------------------------------------------------------

    async def _apply_tables(
        self, compared: _Compared, plan: TablePlan, preview: Item | None, work: _Work
    ) -> None:
        changes = compared.of(tables=True)
        for one in adopted(changes):
            with work.doing([one]):
                after = one.after or {}
                body = {name: value for name, value in after.items() if value is not None}
                await self._definitions.create_table(body)
        if preview is not None:
            rest = [one for one in changes if one not in adopted(changes) and work.wants(one)]
            with work.doing(rest):
                await self._definitions.change_tables(
                    plan.edit, confirm=preview["requiredConfirmHash"]
                )

    async def _apply_rows(
        self, compared: _Compared, caller: Caller, work: _Work, *, prune: bool
    ) -> None:
        wanted = [one for one in compared.of(tables=False) if one.what != EXTRA]
        extra = [one for one in compared.of(tables=False) if one.what == EXTRA]
        work.expect([*wanted, *(extra if prune else ())])
        for one in _parents_first(wanted):
            with work.doing([one]):
                item = body_of(one, _open_already(one))
                if one.kind.section == FLOWS:
                    item = dict(compared.document[FLOWS][one.number or 0])
                await self.rows.write(one, self._id(one, compared), caller, item)
        for one in wanted:
            opened = {name: body for name, body in body_of(one).items() if name in OPENING}
            if one.kind.section == ROUTES and body_of(one) != body_of(one, _open_already(one)):
                with work.doing([one], again=True):
                    id_ = self._route(one)
                    await self.rows.write(one, id_, caller, opened)
        for one in reversed(extra if prune else ()):
            with work.doing([one]):
                await self.rows.delete(one, self._id(one, compared), caller)

    def _id(self, change: Change, compared: _Compared) -> Any:
        if change.kind.section == ROUTES:
            return self._route(change)
        if change.there is None:
            return None
        return compared.ids[change.kind.section][change.there]

    def _route(self, change: Change) -> Any:
        path = ((change.after or change.before) or {})["path"]
        found = [one.id for one in self._registry.current.route_definitions if one.path == path]
        return found[0] if found else None


class _Work:
    """What is to be done, and what of it is."""

    def __init__(self, told: Told, changes: Sequence[Change]) -> None:
        self._told = told
        self._wanted = list(changes)
        self._done = 0
        self.applied: list[Item] = []

    def wants(self, change: Change) -> bool:
        return change in self._wanted

    def expect(self, changes: Sequence[Change]) -> None:
        """Take what there is left to do now that the tables are there."""
        self._wanted = [one for one in self._wanted if one.kind.section == TABLES] + list(changes)

    def doing(self, changes: Sequence[Change], *, again: bool = False) -> _Doing:
        return _Doing(self, changes, again)

    def finished(self, changes: Sequence[Change]) -> None:
        for one in changes:
            self._done += 1
            self.applied.append({"label": one.label, "change": one.what})
            self._told(self._done, len(self._wanted), one.label)

    def left(self) -> list[str]:
        done = {(one["label"], one["change"]) for one in self.applied}
        return [one.label for one in self._wanted if (one.label, one.what) not in done]


class _Doing:
    """Something that is being done; an error tells what was done before, and what was not."""

    def __init__(self, work: _Work, changes: Sequence[Change], again: bool) -> None:
        self._work = work
        self._changes = changes
        self._again = again

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Count it; or say how far it came."""
        if error is None:
            if not self._again:
                self._work.finished(self._changes)
            return
        if not isinstance(error, EnfyraError):
            return
        label = self._changes[0].label if len(self._changes) == 1 else "the tables"
        given: Any = error.details
        details: Item = given if isinstance(given, dict) else {}  # pyright: ignore[reportUnknownVariableType]
        at = [self._changes[0].kind.section, self._changes[0].number]
        texts = error.problems or (error.message,)
        places = [{"at": at, "problem": text} for text in texts]
        raise EnfyraError(
            error.code,
            f"{label}: {error.message}",
            hint=error.hint,
            details={
                "places": places if self._changes[0].number is not None else [],
                **details,
                "applied": self._work.applied,
                "left": self._work.left(),
            },
        ) from error


def _nobody(_number: int, _of: int, _label: str) -> None:
    """Tell nobody."""


def _confirm(report: Item, confirm: str | None) -> None:
    if confirm is not None and confirm != report["requiredConfirmHash"]:
        raise EnfyraError(
            "SCHEMA_CONFIRMATION_MISMATCH",
            "The definitions are not what they were when the diff was made; nothing was applied",
            details=report,
        )
    if report["losses"] and confirm is None:
        raise EnfyraError(
            "SCHEMA_CONFIRMATION_REQUIRED",
            f"Applying would lose {'; '.join(report['losses'])}. Nothing was applied",
            hint='Repeat it with "confirm": the requiredConfirmHash of the diff',
            details=report,
        )


def _refuse_unknown(tables: Sequence[str], *documents: Document) -> None:
    known = [one["name"] for document in documents for one in document.get(TABLES, ())]
    for name in tables:
        if name not in known:
            hint = did_you_mean(name, known)
            raise EnfyraError("RESOURCE_NOT_FOUND", f"There is no table '{name[:80]}'.{hint}")


def _with_secrets(document: Document, known: Any, missing: list[Problem]) -> Document:
    if FLOWS not in document:
        return document
    flows: list[Item] = []
    for number, flow in enumerate(document[FLOWS]):
        names: list[str] = []
        flows.append(filled_flow(flow, lambda value, names=names: filled(value, known, names)))
        missing += [
            Problem((FLOWS, number), f"the secret {name} is not known: set it in the environment")
            for name in names
        ]
    return {**document, FLOWS: flows}


def _parents_first(changes: Sequence[Change]) -> list[Change]:
    """Put guards behind those that they are part of."""
    parents = {(one.after or {}).get("name"): (one.after or {}).get("parent") for one in changes}

    def depth(change: Change) -> int:
        found, name = 0, (change.after or {}).get("parent")
        while name is not None and found < 50:
            found, name = found + 1, parents.get(name)
        return found

    order = list(KINDS)
    return sorted(changes, key=lambda one: (order.index(one.kind.section), depth(one)))


def _open_already(change: Change) -> set[str]:
    """Give the methods of a route that are open before it is changed."""
    before = change.before or {}
    return {method for name in OPENING for method in before.get(name, ())}
