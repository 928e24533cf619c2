"""Documents as files: names, YAML and scripts come back as they were, and mistakes have lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from enfyra_kernel.definitions.files.names import MOST, decode_name, encode_name, file_names
from enfyra_kernel.definitions.files.reading import FilesError, read_folder
from enfyra_kernel.definitions.files.scripts import read_script, write_script
from enfyra_kernel.definitions.files.wording import worded_table
from enfyra_kernel.definitions.files.writing import files_of, write_folder
from enfyra_kernel.definitions.files.yamls import read_marked, write_yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
ODD = ["no", "1e5", "0x1F", "~", "null", "2024-02-29", "12:30", "a\tb\n", " a", "a: b", "- a", "#",
       "a\n\n b\n", "\n", "🙂 العنوان", "=", "010"]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
quick = settings(max_examples=60, deadline=None)


@given(NAMES)
@quick
def test_a_name_comes_back_from_the_name_of_its_file(name: str) -> None:
    encoded = encode_name(name)
    assert decode_name(encoded) == name
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f]|[. ]$|^\.', encoded)


@given(st.lists(NAMES | st.sampled_from(["Post", "post", "POST", "con", "a" * 300]), unique=True))
@quick
def test_no_two_names_have_one_file(names: list[str]) -> None:
    encoded = file_names(names)
    assert len({one.casefold() for one in encoded.values()}) == len(names)
    for name, one in encoded.items():
        assert len(one.encode()) < MOST + 20
        assert "~" in one or decode_name(one) == name


@given(JSON)
@quick
def test_yaml_comes_back(value: Any) -> None:
    assert repr(read_marked(write_yaml(value))[0]) == repr(value)


@given(st.text(st.characters(exclude_categories=["Cs"])), NAMES)
@example("", "ends with a line\n")
@example("return 1", "\n\n")
@quick
def test_a_script_comes_back_to_the_byte(source: str, name: str) -> None:
    for language in ("python", "javascript"):
        item = {"name": name, "sourceCode": source, "scriptLanguage": language}
        ending, text = write_script(item)
        found, _ = read_script(text, ending)
        assert (found.get("sourceCode", ""), found["name"]) == (source, name)


def test_long_and_odd_names_are_in_files(tmp_path: Path) -> None:
    names = ["🙂" * 60, "Refresh", "refresh", "نشر", "a/b", "con", "x" * 190]
    flows = [{"name": name, "steps": [{"key": "a", "type": "log"}]} for name in sorted(names)]
    document = {"format": 1, "flows": flows}
    write_folder(document, tmp_path)
    assert sorted(one["name"] for one in read_folder(tmp_path).document["flows"]) == sorted(names)
    assert len(files_of(document)) == len(names) + 1


BAD = [
    ({"tabels/post.yaml": "columns: {}"}, "tabels: is not known. Did you mean tables?"),
    ({"setings.yaml": "a: 1"}, "setings.yaml: is not known. Did you mean settings.yaml?"),
    ({"access/role.yaml": "a: {}"}, "access/role.yaml: is not known"),
    ({"tables/post.yaml": "columns:\n  a: int\n  b: itn\n"},
     "tables/post.yaml:3: columns.b: there is no type 'itn'. Did you mean 'int'?"),
    ({"tables/post.yaml": "columns:\n  a: int\ncolums: {}\n"},
     "tables/post.yaml:3: A table has no 'colums'. Did you mean 'columns'?"),
    ({"tables/post.yaml": "columns: [\n"}, "tables/post.yaml:2: "),
    ({"tables/post.yaml": "columns:\n  a: int\n  a: text\n"}, "tables/post.yaml:3: 'a' is given"),
    ({"tables/post.txt": ""}, "tables/post.txt: is none of Enfyra's"),
    ({"tables/post.yaml": b"\xff"}, "tables/post.yaml: is no UTF-8"),
    ({"access/roles.yaml": "- a\n"}, "access/roles.yaml:1: must be an object"),
    ({"access/roles.yaml": "a: {}\nb: 7\n"}, "access/roles.yaml:2: 'b' must be an object"),
    ({"access/guards.yaml": "a: {}\n"}, "access/guards.yaml:1: must be a list"),
    ({"hooks/a.py": "return 1"}, "hooks/a.py:1: begins with no head"),
    ({"hooks/a.py": "# ---\n# name: a\nreturn 1"}, "hooks/a.py:3: the head does not end"),
    ({"hooks/a.py": "# ---\n# name: a\n# stage: before\n# ---\n"},
     "hooks/a.py:3: stage must be pre or post"),
    ({"flows/a.yaml": "7"}, "flows/a.yaml:1: must be an object"),
    ({"enfyra.yaml": "format: 2\n"}, "enfyra.yaml:1: the format is 2; this version reads 1"),
    ({"enfyra.yaml": "format: 1\ntable: [a]\n"}, "enfyra.yaml:2: 'table' is not allowed"),
    ({}, "holds no definitions"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "said"), BAD, ids=[said[:40] for _, said in BAD])
def test_a_mistake_is_told_with_its_file_and_line(
    files: dict[str, Any], said: str, tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FilesError) as caught:
        read_folder(tmp_path)
    assert said in str(caught.value)


def test_what_else_is_in_the_folder_does_not_matter(tmp_path: Path) -> None:
    write_folder({"format": 1, "tables": [{"name": "post"}]}, tmp_path)
    for name in (".github/x.yaml", "docs/x.yaml", "README.md", "tables/README.md", "hooks/.keep"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert read_folder(tmp_path).document["tables"] == [{"name": "post"}]


def test_a_folder_by_hand_is_about_the_sections_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "post.yml").write_text("columns: {title: varchar}\n")
    assert set(read_folder(tmp_path).document) == {"format", "tables"}


def test_sizes_of_a_decimal_are_in_order_however_the_database_keeps_them() -> None:
    options = {"scale": 2, "precision": 10}
    table = {"name": "a", "columns": [{"name": "price", "type": "decimal", "options": options}]}
    assert worded_table(table) == {"columns": {"price": "decimal(10, 2)"}}
