"""Definitions as people write them."""

from __future__ import annotations

import pytest

from enfyra_jupyter.definitions import DefinitionError, read_definition
from enfyra_jupyter.yamls import NotYamlError, read_yaml


def columns(text: str) -> dict:
    return {one["name"]: one for one in read_definition(f"columns:\n{text}")["columns"]}


def problem(text: str) -> str:
    with pytest.raises(DefinitionError) as caught:
        read_definition(text)
    return str(caught.value)


class TestColumns:
    @pytest.mark.parametrize(
        ("text", "type_", "options"),
        [
            ("varchar", "varchar", None),
            ("varchar(60)", "varchar", {"length": 60}),
            ("decimal(10, 2)", "decimal", {"precision": 10, "scale": 2}),
            ("decimal(10)", "decimal", {"precision": 10, "scale": 0}),
            ("enum(draft, 'in print')", "enum", ["draft", "in print"]),
            ("array-select(a,b)", "array-select", ["a", "b"]),
            ("simple-json", "simple-json", None),
        ],
    )
    def test_types(self, text, type_, options):
        column = columns(f"  x: {text}")["x"]
        assert (column["type"], column["options"], column["isNullable"]) == (type_, options, True)

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("int = 5", 5),
            ("boolean = true", True),
            ("varchar = no", "no"),
            ("varchar = '5'", "5"),
            ("varchar = a = b", "a = b"),
            ("datetime = now", "now"),
            ("enum(a, b) = a", "a"),
            ("simple-json = {a: 1}", {"a": 1}),
            ("date = 2013-01-01", "2013-01-01"),
            ("int", None),
        ],
    )
    def test_defaults(self, text, value):
        assert columns(f'  x: "{text}"')["x"]["defaultValue"] == value

    def test_words(self):
        found = columns("  id: uuid\n  a: int! unique hidden was b")
        assert found["id"] == {"name": "id", "type": "uuid", "isPrimary": True}
        assert found["a"] == {
            "name": "a", "type": "int", "isNullable": False, "options": None,
            "defaultValue": None, "isPublished": False, "was": "b",
        }  # fmt: skip

    def test_unique_makes_a_group(self):
        payload = read_definition("columns: {a: int unique, b: int}\nuniques: [b, [a, b]]")
        assert payload["uniques"] == [["b"], ["a", "b"], ["a"]]
        assert read_definition("columns: {a: int}")["uniques"] == []
        assert "uniques" not in read_definition("relations: {a: b}")

    def test_written_out(self):
        given = {"name": "x", "type": "int", "isNullable": False}
        text = "columns:\n  - {name: x, type: int, isNullable: false}\n  - y: text\n"
        assert read_definition(text)["columns"][0] == given
        assert read_definition(text)["columns"][1]["type"] == "text"
        assert columns("  x: {type: int, isNullable: false}")["x"] == given

    def test_names_that_yaml_1_1_would_spoil(self):
        assert list(columns("  y: int\n  no: int\n  on: int")) == ["y", "no", "on"]


class TestRelations:
    def test_kinds(self):
        payload = read_definition(
            "relations:\n  a: author! inverse posts on-delete set-null\n  b: many-to-many tag"
        )
        assert payload["relations"] == [
            {"propertyName": "a", "type": "many-to-one", "targetTable": "author",
             "isNullable": False, "inversePropertyName": "posts", "onDelete": "SET NULL"},
            {"propertyName": "b", "type": "many-to-many", "targetTable": "tag",
             "isNullable": True},
        ]  # fmt: skip


class TestProblems:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "says nothing"),
            ("- a", "must hold `columns:`"),
            ("collumns: {}", "A table has no 'collumns'. Did you mean 'columns'?"),
            (
                "columns: {a: varchr}",
                "columns.a: there is no type 'varchr'. Did you mean 'varchar'",
            ),
            ("columns: {a: int uniqe}", "'uniqe' is not understood. Did you mean 'unique'?"),
            ("columns: {a: 5}", "columns.a says not what it is, such as 'varchar(60)!'"),
            ("columns: {a: }", "columns.a says not what it is"),
            ("columns: {a: int(5)}", "columns.a: int takes nothing in parentheses"),
            ("columns: {a: varchar(x)}", "'(x)' must be whole numbers"),
            ("columns: {a: 'decimal(1,2,3)'}", "precision and scale, no more"),
            ("columns: {a: int was}", "'was' must be followed by a name"),
            ("columns: text", "columns must list names"),
            ("columns: [5]", "columns[0] must be an object"),
            ("relations: {a: many-to-one}", "relations.a names no table"),
            ("relations: {a: many-too-one b}", "Did you mean 'many-to-one'?"),
            ("relations: {a: b on-delete keep}", "cascade, restrict, set-null, not 'keep'"),
            ("uniques: a", "uniques must be a list"),
            ("columns: {a: int, a: text}", "'a' is given twice"),
            ("columns: [", "not valid YAML"),
            ("a: !!python/object:os.system {}", "not valid YAML"),
        ],
    )
    def test_name_the_place(self, text, said):
        assert said in problem(text)

    def test_are_told_all_at_once(self):
        assert len(problem("columns: {a: x, b: int z}\nrelations: {c: d e}").splitlines()) == 3


def test_yaml_is_read_as_it_is_meant():
    text = "{a: no, b: 12:30, c: 2013-01-01, d: 007, e: 1e3, f: ~, g: true, h: 1_000}"
    assert read_yaml(text) == {
        "a": "no", "b": "12:30", "c": "2013-01-01", "d": "007", "e": 1000.0, "f": None, "g": True,
        "h": "1_000",
    }  # fmt: skip
    with pytest.raises(NotYamlError, match="line 2"):
        read_yaml("a: 1\nb: [")
