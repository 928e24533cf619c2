"""The oracle itself, held against answers worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from enfyra_kernel.query.evaluation import Answer, Row, Rows, condition, evaluate
from enfyra_kernel.query.plan import PLACE

from tests.kernel.query.asking import SNAPSHOT, planned

_BARE: dict[str, Any] = {
    **{column.physical: None for column in SNAPSHOT.tables["product"].columns.values()},
    "ownerId": 1,
    "twinId": None,
}


def product(key: int, **values: Any) -> Row:
    return {**_BARE, "id": key, "title": f"p{key}", **values}


def person(key: int, name: str, city: int | None = None, boss: int | None = None) -> Row:
    bare = {column.physical: None for column in SNAPSHOT.tables["person"].columns.values()}
    return {**bare, "id": key, "name": name, "cityId": city, "bossId": boss}


TAGS = SNAPSHOT.tables["product"].relations["tags"].junction
assert TAGS is not None
ROWS = Rows(
    {
        "product": [
            product(1, views=5, price=Decimal("1.10"), stock=2**63 - 1, sizes=["Größe", "s"]),
            product(2, views=None, price=Decimal("2.20"), stock=2**63 - 1, ownerId=2),
            product(3, views=7, weight=0.5, stock=-1, twinId=1, title="Ärger"),
            product(4, views=5, weight=-0.0, title="arg"),
        ],
        "person": [person(1, "Ann"), person(2, "Bob", city=1, boss=1), person(3, "Cy", boss=1)],
        "city": [{"id": 1, "name": "Rome", "zip": None, "createdAt": None, "updatedAt": None}],
        "tag": [
            {"id": key, "label": f"t{key}", "createdAt": None, "updatedAt": None}
            for key in range(1, 15)
        ],
        TAGS.table: [{TAGS.source_column: 1, TAGS.target_column: key} for key in range(1, 15)]
        + [{TAGS.source_column: 3, TAGS.target_column: 2}],
    }
)


def answer(table: str = "product", limit: int = -1, offset: int = 0, **asked: Any) -> Answer:
    made, values = planned(asked, table)
    return evaluate(made, ROWS, values, limit, offset)


def keys(table: str = "product", **asked: Any) -> list[int]:
    return [row["id"] for row in answer(table, **asked).rows]


FILTERS: list[tuple[Any, list[int]]] = [
    ({"views": 5}, [1, 4]),
    ({"views": {"_neq": 5}}, [3]),
    ({"_not": {"views": 5}}, [2, 3]),
    ({"_not": {"views": {"_neq": 5}}}, [1, 2, 4]),
    ({"_not": {"_not": {"views": 5}}}, [1, 4]),
    ({"views": {"_not_in": [5]}}, [3]),
    ({"views": {"_not_in": []}}, [1, 3, 4]),
    ({"views": {"_in": []}}, []),
    ({"views": None}, [2]),
    ({"_and": []}, [1, 2, 3, 4]),
    ({"_or": []}, []),
    ({"_or": [{"views": 7}, {"views": None}]}, [2, 3]),
    ({"price": {"_between": ["1.1", 2.2]}}, [1, 2]),
    ({"weight": 0}, [4]),
    ({"title": {"_starts_with": "AR"}}, [3, 4]),
    ({"sizes": {"_contains": "grö"}}, [1]),
    ({"owner": {"name": "Bob"}}, [2]),
    ({"owner": {"city": {"name": {"_gt": "A"}}}}, [2]),
    ({"owner": {"boss": None}}, [1, 3, 4]),
    ({"twin": {"views": 5}}, [3]),
    ({"twinOf": {"views": 7}}, [1]),
    ({"twinOf": None}, [2, 3, 4]),
    ({"tags": {"label": "t2"}}, [1, 3]),
    ({"_not": {"tags": {"label": {"_neq": "t2"}}}}, [2, 3, 4]),
    ({"tags": {"_count": {"_gt": 1}}}, [1]),
    ({"tags": {"_count": 0}}, [2, 4]),
    ({"tags": {"_max": {"id": {"_lt": 5}}}}, [3]),
    ({"tags": {"_max": {"id": None}}}, [2, 4]),
    ({"tags": {"_avg": {"id": 2}}}, [3]),
]


@pytest.mark.parametrize(("where", "found"), FILTERS, ids=lambda one: str(one)[:60])
def test_filters(where: Any, found: list[int]) -> None:
    assert keys(filter=where, sort="id") == found


def test_orders_have_nulls_first_or_last() -> None:
    assert keys(sort="views,-id") == [2, 4, 1, 3]
    assert keys(sort="-views,id") == [3, 1, 4, 2]
    assert keys(sort="owner.city.name,-owner.name,id") == [1, 3, 4, 2]
    assert keys(sort="-_count(tags),id") == [1, 3, 2, 4]
    assert keys(sort="_max(tags.id),id") == [2, 4, 3, 1]
    assert keys("person", sort="_min(products.views),id") == [2, 3, 1]


def test_pages() -> None:
    whole = answer(sort="id", meta="*", filter={"views": 5}, limit=1, offset=1)
    assert [row["id"] for row in whole.rows] == [4]
    assert (whole.filter_count, whole.total_count) == (2, 4)


def test_what_relations_show() -> None:
    row = answer(filter={"id": 1}, fields="title,owner,tags,twinOf.title").rows[0]
    assert row["owner"] == {"id": 1}
    assert row["twinOf"] == {"id": 3, "title": "Ärger"}
    assert row["tags"] == [{"id": key} for key in range(1, 11)]
    deep = {"tags": {"sort": "-id", "limit": 2, "page": 2, "fields": "label"},
            "owner": {"filter": {"name": "Bob"}}}  # fmt: skip
    rows = answer(fields="id", deep=deep, sort="id").rows
    assert rows[0]["tags"] == [{"id": 12, "label": "t12"}, {"id": 11, "label": "t11"}]
    assert [row["owner"] and row["owner"]["id"] for row in rows] == [None, 2, None, None]


def test_figures() -> None:
    asked = {"stock": {"sum": True, "avg": True, "count": True}, "price": {"sum": True},
             "weight": {"sum": {"_gt": 5}}, "tags": {"countRecords": {"id": 2}},
             "title": {"min": True}}  # fmt: skip
    assert answer(aggregate=asked).aggregates == {
        "stock": {"sum": 2**64 - 3, "avg": float(2**64 - 3) / 3.0, "count": 3},
        "price": {"sum": "3.30"},
        "weight": {"sum": None},
        "tags": {"countRecords": 2},
        "title": {"min": "arg"},
    }


def test_groups() -> None:
    measures = {"n": "count", "worth": {"sum": "price"}}
    assert answer(dimensions="owner.name", measures=measures, sort="-n").rows == [
        {"owner.name": "Ann", "n": 3, "worth": "1.10"},
        {"owner.name": "Bob", "n": 1, "worth": "2.20"},
    ]
    assert answer(dimensions="views", measures="count").rows == [
        {"views": None, "count": 1}, {"views": 5, "count": 2}, {"views": 7, "count": 1},
    ]  # fmt: skip
    assert answer(measures="count,max(views)", filter={"views": 99}).rows == [
        {"count": 0, "max_views": None}
    ]


def test_places_in_an_order_go_on_from_there() -> None:
    first = answer(sort="-views", cursor="", fields="id").rows
    assert [row[PLACE] for row in first] == [[7, 3], [5, 4], [5, 1], [None, 2]]


def test_a_condition_is_compiled_once() -> None:
    made, values = planned({"filter": {"views": {"_gt": 5}, "tags": {"label": "t2"}}})
    assert made.where is not None
    holds = condition(made.where, made.table, values, ROWS)
    assert [row["id"] for row in ROWS.of("product") if holds(row)] == [3]
    assert not holds(product(9, views=8))
