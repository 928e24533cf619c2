"""Cases of the property test: rows, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enfyra_kernel.metadata.snapshot import Snapshot
from hypothesis import strategies as st

from .datasets import TABLES, Dataset, datasets
from .queries import Asker, Parameters

REQUESTS = 7


@dataclass(frozen=True)
class Case:
    """Rows and the requests to them, each with the table that it goes to."""

    dataset: Dataset
    requests: list[tuple[str, Parameters]]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # What failed is told in full; see `World.told`.
        printer.text(f"{len(self.requests)} requests")


@dataclass(frozen=True)
class Walk:
    """A list that is read page by page, while the rows become others after each page."""

    datasets: list[Dataset]
    table: str
    request: Parameters

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(f"a walk through {self.table}")


@st.composite
def cases(draw: st.DrawFn, snapshot: Snapshot) -> Case:
    """Draw rows and requests."""
    dataset = draw(datasets(snapshot))
    requests = st.lists(_requests(snapshot, dataset), min_size=REQUESTS, max_size=REQUESTS)
    return Case(dataset, draw(requests))


@st.composite
def _requests(draw: st.DrawFn, snapshot: Snapshot, dataset: Dataset) -> tuple[str, Parameters]:
    asker = Asker(draw, snapshot, dataset)
    name = asker.one(["alpha", *TABLES])
    return name, asker.request(snapshot.tables[name])


@st.composite
def walks(draw: st.DrawFn, snapshot: Snapshot) -> Walk:
    """Draw a walk."""
    dataset = draw(datasets(snapshot))
    asker = Asker(draw, snapshot, dataset)
    name = asker.one(["alpha", "alpha", *TABLES])
    later = [_without(dataset, asker) if asker.maybe() else dataset for _ in range(3)]
    return Walk([dataset, *later], name, asker.ordered_request(snapshot.tables[name]))


def _without(dataset: Dataset, asker: Asker) -> Dataset:
    """Leave out some rows of the table that nothing must refer to."""
    left = {row["id"] for row in dataset["alpha"] if asker.maybe(1, 3)}

    def stays(row: Any) -> bool:
        return row["id"] not in left

    alpha = [
        {**row, "parentId": None if row["parentId"] in left else row["parentId"]}
        for row in dataset["alpha"]
        if stays(row)
    ]
    links = {
        name: [row for row in rows if not left & set(row.values())]
        for name, rows in dataset.items()
        if name not in TABLES
    }
    return {**dataset, **links, "alpha": alpha}
