"""A database and the oracle side by side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode

from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.metadata.snapshot import Snapshot
from enfyra_kernel.metadata.tables import Table, junction_as_table, stored
from enfyra_kernel.query.ast import Query
from enfyra_kernel.query.commands import Delete, Insert
from enfyra_kernel.query.evaluation import Answer, Rows, evaluate
from enfyra_kernel.query.parse import parse_string
from enfyra_kernel.query.plan import ADMINISTRATOR, PLACE, Access, Limits, plan
from enfyra_kernel.query.predicates import All
from enfyra_kernel.storage.database import ConstraintViolation
from hypothesis import note

from tests.api import Answer as Response
from tests.api import Api
from tests.databases import settings

from .datasets import TABLES, Dataset, columns_of
from .queries import Parameters
from .reducing import reduced
from .schemas import schema

T = TypeVar("T")

MOST_ROWS = 10_000


class World:
    """One schema on one database, whose rows are also in memory."""

    def __init__(self, run: Callable[[Awaitable[Any]], Any], api: Api) -> None:
        self._run = run
        self._api = api
        self._database = api.kernel.database
        self._dataset: Dataset = {}

    @property
    def snapshot(self) -> Snapshot:
        return self._api.kernel.registry.current

    def table(self, name: str) -> Table:
        return self.snapshot.tables[name]

    # -- rows -----------------------------------------------------------------------------------

    def load(self, dataset: Dataset) -> None:
        """Take the rows of a dataset in the place of those that are there."""
        if dataset != self._dataset:
            self._run(self._load(dataset))
            self._dataset = dataset

    async def _load(self, dataset: Dataset) -> None:
        junctions = dict(self._junctions())
        tables = {name: self.table(name) for name in TABLES}
        async with self._database.transaction() as session:
            for table in (*junctions.values(), *reversed(tables.values())):
                await session.write(self._database.delete(Delete(table, All(()))), ())
            for name, table in (tables | junctions).items():
                rows = dataset.get(name)
                if rows:
                    columns = columns_of(table, self.snapshot)
                    write = self._database.insert(Insert(table, tuple(columns)))
                    values = [[row[one.name] for one in columns] for row in rows]
                    await session.write_many(write, values)

    def _junctions(self) -> Iterator[tuple[str, Table]]:
        for name in TABLES:
            for relation in self.table(name).relations.values():
                if relation.junction is not None and relation.owning:
                    target = self.table(relation.target)
                    made = junction_as_table(
                        relation.junction, stored(self.table(name).primary), stored(target.primary)
                    )
                    yield relation.junction.table, made

    # -- questions ------------------------------------------------------------------------------

    def ask(self, name: str, parameters: Parameters) -> Response:
        """Send a request."""
        return self._run(self._api.get(f"/{name}", **parameters))

    def expected(self, name: str, parameters: Parameters) -> Response:
        """Give the oracle's answer."""
        try:
            query = parse_string(_text(parameters))
            answer = self._evaluate(name, query, self._dataset)
        except EnfyraError as error:
            return Response(error.status, {"error": {"code": error.code}}, {})
        return Response(200, {"data": answer.rows, **_meta(answer)}, {})

    def _evaluate(self, name: str, query: Query, dataset: Dataset) -> Answer:
        made = plan(
            query.shape, self.table(name), self.snapshot, ADMINISTRATOR,
            limits=Limits(rows=MOST_ROWS),
        )  # fmt: skip
        limit = 10 if query.limit is None else query.limit or MOST_ROWS
        values = made.bind(query.values)
        return evaluate(made, Rows(dataset), values, limit, (query.page - 1) * limit)

    def check(self, name: str, parameters: Parameters) -> None:
        """Hold the database's answer to a request against the oracle's."""
        wanted = self.expected(name, parameters)
        got = self.ask(name, parameters)
        assert got.status == wanted.status, (got, wanted)
        if wanted.status != 200:
            assert got.code == wanted.code
            return
        differs = difference(got.body["data"], wanted.body["data"])
        assert differs is None, differs
        assert [list(row) for row in got.data] == [list(row) for row in wanted.data]
        differs = difference(got.body.get("meta"), wanted.body.get("meta"), "meta")
        assert differs is None, differs

    def check_for(self, name: str, parameters: Parameters, access: Access, known: Dataset) -> None:
        """Hold the answer to somebody with rules against the oracle's for the rows that he knows.

        What is no query for an administrator is none for anybody; what is refused beside that is
        what orders by, groups by or names something of which the caller sees a part.

        Returns:
            Whether there was an answer.
        """
        query = parse_string(_text(parameters))
        repository = self._api.kernel.records.of(name)
        page = refused = None
        try:
            page = self._run(repository.find(query, access))
        except EnfyraError as error:
            refused = error.code
        if page is None:
            whole = self.expected(name, parameters)
            assert refused in {"AUTHORIZATION_ERROR", whole.status != 200 and whole.code}
            return False
        wanted = self._evaluate(name, query, known)
        differs = difference(json.loads(page.rows), wanted.rows)
        assert differs is None, differs
        counts = (page.total_count, page.filter_count)
        assert counts == (wanted.total_count, wanted.filter_count)
        figures = json.loads(page.aggregate) if page.aggregate is not None else {}
        differs = difference(figures, wanted.aggregates, "aggregate")
        assert differs is None, differs
        return True

    def show_smallest(self, name: str, parameters: Parameters) -> None:
        """Note the smallest case like this one that fails, and how."""
        problem = ""

        def fails(dataset: Dataset, asked: Parameters) -> bool:
            nonlocal problem
            try:
                self.load(dataset)
                self.check(name, asked)
            except AssertionError as error:
                problem = str(error)
                return True
            except (EnfyraError, ConstraintViolation, ValueError):
                # Such rows, or such a request, cannot be.
                return False
            return False

        dataset, asked = reduced(self._dataset, parameters, fails)
        if fails(dataset, asked):
            note(f"{self.told(name, asked)}\n{problem[:2000]}")

    def walk(
        self, name: str, parameters: Parameters, change: Callable[[], Dataset | None]
    ) -> list[Any]:
        """Go through a list page by page by its cursors, holding each page against the oracle's.

        Args:
            change: Gives the rows to go on with after each page, if they shall be others.
        """
        cursor, seen = "", list[Any]()
        limit = parameters["limit"]
        for _ in range(100):
            asked = {**parameters, "cursor": cursor}
            wanted = self.expected(name, {**asked, "limit": limit + 1})
            got = self.ask(name, asked)
            assert got.status == wanted.status == 200, (got, wanted)
            for row in wanted.data:
                row.pop(PLACE)
            differs = difference(got.data, wanted.data[:limit])
            assert differs is None, (asked, differs)
            seen += got.data
            cursor = got.body["meta"]["cursor"]
            assert (cursor is not None) is (len(wanted.data) > limit)
            if cursor is None:
                return seen
            changed = change()
            if changed is not None:
                self.load(changed)
        raise AssertionError("the pages do not end")

    def told(self, name: str, parameters: Parameters) -> str:
        """Give what reproduces a case: the request and the rows, without their nulls."""
        text = "&".join(
            f"{key}={json.dumps(one, ensure_ascii=False) if isinstance(one, dict | list) else one}"
            for key, one in parameters.items()
        )
        rows = "\n".join(
            f"  {table}: { {name: one for name, one in row.items() if one is not None}!r}"
            for table, rows in self._dataset.items()
            for row in rows
        )
        return f"GET /{name}?{text}\n{rows}"


def _text(parameters: Parameters) -> str:
    return urlencode(
        {key: json.dumps(one) if isinstance(one, dict | list) else one
         for key, one in parameters.items()}
    )  # fmt: skip


def _meta(answer: Answer) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    if answer.total_count is not None:
        meta["totalCount"] = answer.total_count
    if answer.filter_count is not None:
        meta["filterCount"] = answer.filter_count
    if answer.aggregates:
        meta["aggregate"] = answer.aggregates
    return {"meta": meta} if meta else {}


def difference(got: Any, wanted: Any, place: str = "data") -> str | None:
    """Say where two JSON values differ; a number is the same in any spelling."""
    if isinstance(got, dict) and isinstance(wanted, dict):
        if got.keys() != wanted.keys():
            return f"{place}: {list(got)} instead of {list(wanted)}"
        pairs = [(f"{place}.{name}", got[name], wanted[name]) for name in wanted]
    elif isinstance(got, list) and isinstance(wanted, list):
        if len(got) != len(wanted):
            return f"{place}: {got} instead of {wanted}"
        pairs = [(f"{place}.{i}", *two) for i, two in enumerate(zip(got, wanted, strict=True))]
    else:
        return None if _same(got, wanted) else f"{place}: {got!r} instead of {wanted!r}"
    return next((found for where, a, b in pairs if (found := difference(a, b, where))), None)


def _same(got: Any, wanted: Any) -> bool:
    if isinstance(got, bool) or isinstance(wanted, bool):
        return got is wanted
    if (isinstance(got, float) and isinstance(wanted, int)) or isinstance(wanted, float):
        return isinstance(got, int | float) and float(got) == float(wanted)
    return got == wanted


@contextmanager
def world(uri: str, seed: int) -> Iterator[World]:
    """Give a database with the tables of a schema."""
    with asyncio.Runner() as runner:
        kernel = Kernel(settings(uri))
        runner.run(kernel.start())
        try:
            api = runner.run(Api(kernel).login())
            for table in schema(seed):
                answer = runner.run(api.post("/table_definition", table))
                assert answer.status == 201, answer.body
            yield World(runner.run, api)
        finally:
            runner.run(kernel.stop())
