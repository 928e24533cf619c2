"""Whatever stands in a document: it is applied, or refused with a reason, and never an accident."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from enfyra_kernel.definitions.files.reading import read_folder
from enfyra_kernel.definitions.files.writing import write_folder

from tests.api import Api

from .test_applying import applied, diff, exported

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.may_block]
STRANGE = (None, 7, -1.5, True, "", "x", "../a", [], [[]], [{}], {}, {"a": 1}, ["a", 1], "${A}")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the places of all that is in a document."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inside in items:
        yield (*path, key)
        yield from places(inside, (*path, key))


async def test_strange_documents_are_refused(shared_estate: Api) -> None:
    document = await exported(shared_estate)
    chance = random.Random(7)
    everywhere = list(places(document))
    for _ in range(150):
        changed = copy.deepcopy(document)
        *path, last = chance.choice(everywhere)
        holder = changed
        for key in path:
            holder = holder[key]
        holder[last] = chance.choice(STRANGE)
        answer = await shared_estate.post("/admin/definitions/diff", {"document": changed})
        assert answer.status < 500, (path, last, holder[last], answer.body)


BAD = [
    ({"tabels": []}, ["tabels"], "Did you mean 'tables'?"),
    ({"format": 2}, ["format"], "must be 1"),
    ({"roles": {}}, ["roles"], "must be a list"),
    ({"roles": [7]}, ["roles", 0], "must be an object"),
    ({"roles": [{}]}, ["roles", 0, "name"], "name is required"),
    ({"roles": [{"name": "a"}, {"name": "a"}]}, ["roles", 1], "is there twice"),
    ({"roles": [{"name": "a", "descriptoin": "x"}]}, ["roles", 0, "descriptoin"],
     "a role has no 'descriptoin'. Did you mean 'description'?"),
    ({"tables": [{"name": "a", "columns": [{"name": "b", "typ": "int"}]}]},
     ["tables", 0, "columns", 0, "typ"], "Did you mean 'type'?"),
    ({"tables": [{"name": "a", "columns": [{"name": "b", "type": "itn"}]}]}, ["tables", 0],
     "Did you mean 'int'?"),
    ({"tables": [{"name": "a", "relations": [
        {"propertyName": "b", "type": "many-to-one", "targetTable": "perso"}]}]}, ["tables", 0],
     "'perso' does not exist. Did you mean 'person'?"),
    ({"preHooks": [{"name": "a", "route": "/psot", "sourceCode": "return 1"}]},
     ["preHooks", 0, "route"], "there is no route '/psot'. Did you mean '/post'?"),
    ({"routePermissions": [{"route": "/post", "role": "Edtor", "methods": ["GTE"]}]},
     ["routePermissions", 0, "role"], "there is no role 'Edtor'. Did you mean 'Editor'?"),
    ({"fieldPermissions": [{"action": "read", "column": "post.titel"}]},
     ["fieldPermissions", 0], "titel"),
    ({"flows": [{"name": "a", "triggerType": "webhook", "triggerConfig":
        {"path": "a", "secret": "${NOBODY_KNOWS}"}}]}, ["flows", 0],
     "the secret NOBODY_KNOWS is not known"),
    ({"flows": [{"name": "a", "steps": [{"key": "b", "tpye": "log"}]}]},
     ["flows", 0, "steps", 0, "tpye"], "Did you mean 'type'?"),
    ({"preHooks": [{"name": "a", "route": "/post", "sourceCode": "return ("}]},
     ["preHooks", 0], "pre-hook /post a"),
]  # fmt: skip


async def test_what_is_wrong_is_told_with_its_place(shared_estate: Api) -> None:
    before = await exported(shared_estate)
    for document, at, said in BAD:
        answer = await applied(shared_estate, document)
        assert 400 <= answer.status < 500, answer.body
        places = answer.body["error"]["details"]["places"]
        assert at in [one["at"] for one in places], answer.body
        assert said in answer.message, answer.message
    assert await exported(shared_estate) == before


async def test_nothing_differs_from_what_was_just_exported(
    shared_estate: Api, tmp_path: Path
) -> None:
    document = await exported(shared_estate)
    write_folder(document, tmp_path)
    for one in (document, read_folder(tmp_path).document):
        assert (await diff(shared_estate, one))["changes"] == []
        assert (await applied(shared_estate, one)).row["applied"] == []
