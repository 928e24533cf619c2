"""JSON Patch: RFC 6902 with the examples of its appendix A, and on records."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.records.json_patch import apply_patch, same

from tests.api import Answer, Api
from tests.engines import two_engines  # noqa: F401

JSON_PATCH = {"Content-Type": "application/json-patch+json"}

# Each example of appendix A: its number, the document, the patch, and the result; None where the
# RFC says that it is an error.
APPENDIX_A: list[tuple[str, Any, Any, Any]] = [
    ("A.1", {"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}],
     {"baz": "qux", "foo": "bar"}),
    ("A.2", {"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}],
     {"foo": ["bar", "qux", "baz"]}),
    ("A.3", {"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ("A.4", {"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}],
     {"foo": ["bar", "baz"]}),
    ("A.5", {"baz": "qux", "foo": "bar"}, [{"op": "replace", "path": "/baz", "value": "boo"}],
     {"baz": "boo", "foo": "bar"}),
    ("A.6", {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
     [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
     {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
    ("A.7", {"foo": ["all", "grass", "cows", "eat"]},
     [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
     {"foo": ["all", "cows", "eat", "grass"]}),
    ("A.8", {"baz": "qux", "foo": ["a", 2, "c"]},
     [{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}],
     {"baz": "qux", "foo": ["a", 2, "c"]}),
    ("A.9", {"baz": "qux"}, [{"op": "test", "path": "/baz", "value": "bar"}], None),
    ("A.10", {"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"grandchild": {}}}],
     {"foo": "bar", "child": {"grandchild": {}}}),
    ("A.11", {"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}],
     {"foo": "bar", "baz": "qux"}),
    ("A.12", {"foo": "bar"}, [{"op": "add", "path": "/baz/bat", "value": "qux"}], None),
    # A.13, a member that is there twice, is a matter of reading JSON.
    ("A.14", {"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}],
     {"/": 9, "~1": 10}),
    ("A.15", {"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": "10"}], None),
    ("A.16", {"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}],
     {"foo": ["bar", ["abc", "def"]]}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [example[1:] for example in APPENDIX_A],
    ids=[example[0] for example in APPENDIX_A],
)
def test_the_examples_of_the_rfc(document: Any, patch: Any, expected: Any) -> None:
    if expected is not None:
        assert apply_patch(document, patch) == expected
        return
    with pytest.raises(EnfyraError) as caught:
        apply_patch(document, patch)
    assert caught.value.code == "PATCH_CONFLICT"


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": 1}, [{"op": "replace", "path": "", "value": [1]}], [1]),
        ({"a": 1}, [{"op": "add", "path": "", "value": {}}], {}),
        ({"": 1}, [{"op": "replace", "path": "/", "value": 2}], {"": 2}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/a/c"}],
         {"a": {"b": 1, "c": {"b": 1}}}),
        ({"a": [1, 2]}, [{"op": "move", "from": "/a/0", "path": "/a/-"}], {"a": [2, 1]}),
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": 1}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/a"}], {"a": 1}),
        ({"a": None}, [{"op": "test", "path": "/a", "value": None}], {"a": None}),
        ({"a": {"x": 1, "y": 2}}, [{"op": "test", "path": "/a", "value": {"y": 2.0, "x": 1}}],
         {"a": {"x": 1, "y": 2}}),
        ([1, 2], [{"op": "add", "path": "/2", "value": 3}], [1, 2, 3]),
        ({"a": 1}, [], {"a": 1}),
    ],
)  # fmt: skip
def test_what_else_the_rfc_says(document: Any, patch: Any, expected: Any) -> None:
    assert apply_patch(document, patch) == expected


@pytest.mark.parametrize(
    ("document", "operation"),
    [
        ({"a": 1}, {"op": "test", "path": "/a", "value": True}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": "1"}),
        ({"a": [0]}, {"op": "test", "path": "/a", "value": [False]}),
        ({"a": 1}, {"op": "test", "path": "/b", "value": None}),
        ({"a": 1}, {"op": "replace", "path": "/b", "value": 1}),
        ({"a": 1}, {"op": "remove", "path": "/b"}),
        ({"a": [1]}, {"op": "remove", "path": "/a/-"}),
        ({"a": [1]}, {"op": "replace", "path": "/a/1", "value": 1}),
        ({"a": [1]}, {"op": "add", "path": "/a/2", "value": 1}),
        ({"a": [1]}, {"op": "add", "path": "/a/01", "value": 1}),
        ({"a": [1]}, {"op": "add", "path": "/a/-1", "value": 1}),
        ({"a": [1]}, {"op": "add", "path": "/a/x", "value": 1}),
        ({"a": "text"}, {"op": "add", "path": "/a/0", "value": 1}),
        ({"a": 1}, {"op": "copy", "from": "/b", "path": "/c"}),
    ],
)
def test_what_does_not_go_with_the_document(document: Any, operation: Any) -> None:
    with pytest.raises(EnfyraError) as caught:
        apply_patch(document, [operation])
    assert caught.value.code == "PATCH_CONFLICT"
    assert caught.value.details["operation"] == 0


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"op": "add"}, "A JSON Patch is a list of operations"),
        ([5], "[0] must be an object with op and path"),
        ([{"path": "/a"}], "[0] op must be one of"),
        ([{"op": "ad", "path": "/a"}], "Did you mean 'add'?"),
        ([{"op": "remove"}], "[0] path must be a JSON Pointer"),
        ([{"op": "remove", "path": "a"}], "[0] path must be a JSON Pointer"),
        ([{"op": "remove", "path": "/a~2"}], "~1 stands for /"),
        ([{"op": "add", "path": "/a"}], "[0] add needs a value"),
        ([{"op": "test", "path": "/a"}], "[0] test needs a value"),
        ([{"op": "copy", "path": "/a"}], "[0] from must be a JSON Pointer"),
        ([{"op": "move", "from": "/a", "path": "/a/b"}], "[0] moves a value into itself"),
        ([{"op": "remove", "path": "/a"}] * 1001, "1000 operations at most"),
    ],
)
def test_what_is_no_patch(patch: Any, said: str) -> None:
    with pytest.raises(EnfyraError) as caught:
        apply_patch({"a": 1}, patch)
    assert caught.value.code == "INVALID_BODY"
    assert said in caught.value.message


def test_the_document_and_the_patch_stay_as_they_are() -> None:
    document = {"a": [1]}
    value = {"b": [2]}
    patch = [
        {"op": "add", "path": "/c", "value": value},
        {"op": "add", "path": "/c/b/-", "value": 3},
        {"op": "copy", "from": "/c", "path": "/d"},
        {"op": "remove", "path": "/d/b"},
    ]
    assert apply_patch(document, patch) == {"a": [1], "c": {"b": [2, 3]}, "d": {}}
    assert (document, value) == ({"a": [1]}, {"b": [2]})


def test_copies_of_copies_do_not_fill_the_memory() -> None:
    patch: list[Any] = [{"op": "add", "path": "/a", "value": [0] * 10}]
    patch += [{"op": "copy", "from": "/a", "path": "/a/-"} for _ in range(60)]
    with pytest.raises(EnfyraError) as caught:
        apply_patch({}, patch)
    assert "copies too much" in caught.value.message


def test_equality_is_that_of_json() -> None:
    assert same(1, 1.0)
    assert same({"a": [1, None]}, {"a": [1, None]})
    assert not same(None, False)
    assert not same("a", "A")
    assert not same([], {})


# -- on records -----------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def shop(api: Api) -> Api:
    """One product with a document, a maker and two tags."""
    await api.define("maker", "name varchar!")
    await api.define("tag", "label varchar!")
    price = {"name": "price", "type": "decimal", "options": {"precision": 6, "scale": 2}}
    await api.define(
        "product",
        "name varchar!",
        price,
        "facts simple-json",
        "words array-select",
        {"name": "code", "type": "varchar", "isUpdatable": False},
        relations=[
            {"type": "many-to-one", "propertyName": "maker", "targetTable": "maker"},
            {"type": "many-to-many", "propertyName": "tags", "targetTable": "tag"},
        ],
    )
    await api.create("/maker", [{"name": "Ann"}, {"name": "Bob"}])
    await api.create("/tag", [{"label": str(number)} for number in range(15)])
    facts = {"size": {"w": 1, "h": 2}, "colours": ["red"]}
    body = {"name": "lamp", "price": "19.90", "facts": facts, "maker": 1, "code": "c"}
    await api.create("/product", body | {"tags": list(range(1, 13)), "words": ["a"]})
    return api


async def patch(api: Api, *operations: Any, **query: Any) -> Answer:
    return await api.send("PATCH", "/product/1", list(operations), headers=JSON_PATCH, **query)


def op(name: str, path: str, *value: Any, **more: Any) -> dict[str, Any]:
    return {"op": name, "path": path, **({"value": value[0]} if value else {}), **more}


@pytest.mark.asyncio
async def test_paths_reach_fields_documents_and_relations(shop: Api) -> None:
    answer = await patch(
        shop,
        op("test", "/price", "19.90"),
        op("test", "/facts/size/w", 1.0),
        op("replace", "/name", "lantern"),
        op("add", "/facts/colours/-", "blue"),
        op("move", "/facts/width", **{"from": "/facts/size/w"}),
        op("remove", "/price"),
        op("replace", "/maker/id", 2),
        op("add", "/words/0", "b"),
        op("remove", "/tags/0"),
        op("add", "/tags/-", {"label": "new"}),
        deep={"tags": {"fields": "label", "limit": 0}},
    )
    assert answer.status == 200, answer.body
    row = answer.row
    assert row["facts"] == {"size": {"h": 2}, "colours": ["red", "blue"], "width": 1}
    assert (row["name"], row["price"], row["maker"]) == ("lantern", None, {"id": 2})
    assert row["words"] == ["b", "a"]
    # All of them were looked at, not only the first ten.
    assert [tag["id"] for tag in row["tags"]] == [*range(2, 13), 16]


@pytest.mark.asyncio
async def test_a_failing_patch_changes_nothing(shop: Api) -> None:
    before = await shop.rows("/product")
    for operations, status, code in (
        ([op("replace", "/name", "x"), op("test", "/price", "1.00")], 409, "PATCH_CONFLICT"),
        ([op("replace", "/name", "x"), op("remove", "/facts/nothing")], 409, "PATCH_CONFLICT"),
        ([op("replace", "/name", "x"), op("replace", "/price", "much")], 400, "INVALID_BODY"),
        ([op("remove", "/name")], 400, "INVALID_BODY"),
        ([op("add", "/nmae", "x")], 400, "INVALID_BODY"),
        ([op("replace", "/id", 7)], 400, "INVALID_BODY"),
        ([op("replace", "/createdAt", "2020-01-01")], 400, "INVALID_BODY"),
        ([op("replace", "/code", "d")], 400, "INVALID_BODY"),
        ([op("replace", "", 5)], 400, "INVALID_BODY"),
        ([op("replace", "/maker", 99)], 409, "RELATION_NOT_FOUND"),
    ):
        answer = await patch(shop, *operations)
        assert (answer.status, answer.code) == (status, code), answer.body
    assert await shop.rows("/product") == before
    answer = await patch(shop, op("test", "/name", "x"))
    assert answer.message == "[0] test /name: the value is another one"
    assert answer.body["error"]["details"] == {"operation": 0, "op": "test", "path": "/name"}


@pytest.mark.asyncio
async def test_a_patch_that_changes_nothing_gives_the_record(shop: Api) -> None:
    before = (await shop.rows("/product"))[0]
    assert (await patch(shop)).row == before
    assert (await patch(shop, op("test", "/name", "lamp"))).row == before


@pytest.mark.asyncio
async def test_where_a_patch_does_not_belong(shop: Api) -> None:
    answer = await shop.send("PATCH", "/product/9", [], headers=JSON_PATCH)
    assert (answer.status, answer.code) == (404, "RESOURCE_NOT_FOUND")
    answer = await shop.send("PATCH", "/product", [], headers=JSON_PATCH)
    assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.asyncio
async def test_patches_at_the_same_time_come_one_after_the_other(shop: Api) -> None:
    answers = await asyncio.gather(
        *(patch(shop, op("add", "/facts/colours/-", number)) for number in range(12))
    )
    assert {answer.status for answer in answers} == {200}
    colours = (await shop.rows("/product"))[0]["facts"]["colours"]
    assert sorted(colours[1:]) == list(range(12))
