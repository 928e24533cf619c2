"""An export: what is in it, what never is, and that it is the same each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from enfyra_kernel.definitions.files.reading import FilesError, read_folder
from enfyra_kernel.definitions.files.writing import files_of, write_folder

from tests.api import Api

# One kernel for all: what changes it stands at the end.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.may_block]


async def test_everything_that_was_defined_is_in_it_and_comes_back(
    shared_estate: Api, tmp_path: Path
) -> None:
    document = (await shared_estate.get("/admin/definitions")).row
    written = write_folder(document, tmp_path)
    assert set(written.changed) == {
        "access/fields.yaml", "access/guards.yaml", "access/origins.yaml", "access/records.yaml",
        "access/roles.yaml", "access/routes.yaml", "bootstrap/seed.py", "enfyra.yaml",
        "flows/nightly.yaml", "handlers/report.%3Ayear.GET.py", "hooks/all.post.تحقق.py",
        "hooks/post.pre.validate %2F check.py", "queries.yaml", "routes.yaml", "settings.yaml",
        "system.yaml",
        "tables/person.yaml", "tables/post.yaml",
    }  # fmt: skip
    assert (written.files, written.removed) == (18, ())
    read = read_folder(tmp_path)
    again = files_of({**read.document, "secrets": document["secrets"]})
    assert again == files_of(document)
    assert read.place(["tables", 1, "columns", 3, "type"]) == "tables/post.yaml:8"
    assert read.place(["preHooks", 0, "priority"]) == "hooks/post.pre.validate %2F check.py:6"


async def test_a_script_is_the_same_byte_for_byte(shared_estate: Api, tmp_path: Path) -> None:
    document = (await shared_estate.get("/admin/definitions")).row
    write_folder(document, tmp_path)
    (hook,) = read_folder(tmp_path).document["preHooks"]
    assert hook == document["preHooks"][0]
    assert hook["sourceCode"].endswith("\n\traise ValueError('title')")


async def test_a_table_is_written_in_the_words_of_its_cell(
    shared_estate: Api, tmp_path: Path
) -> None:
    write_folder((await shared_estate.get("/admin/definitions")).row, tmp_path)
    assert (tmp_path / "tables/post.yaml").read_text() == (
        "columns:\n"
        "  id: uuid primary\n"
        "  title: varchar!\n"
        "  subtitle:\n"
        "    type: text\n"
        "    isPublished: false\n"
        "    description: 🙂 العنوان\n"
        "  views: int! = 0\n"
        "relations:\n"
        "  author: person! inverse posts on-delete cascade\n"
        "  readers: many-to-many person\n"
        "uniques:\n"
        "  - [author, title]\n"
        "indexes: [views]\n"
    )
    person = (tmp_path / "tables/person.yaml").read_text()
    assert "accounts: one-to-many user_definition inverse person" in person


async def test_no_secret_is_in_it(shared_estate: Api) -> None:
    answer = await shared_estate.get("/admin/definitions")
    assert "hush-hush" not in json.dumps(answer.body)
    assert answer.row["secrets"] == [
        "FLOW_NIGHTLY_ASK_HEADERS_AUTHORIZATION",
        "FLOW_NIGHTLY_SECRET",
    ]
    (flow,) = answer.row["flows"]
    assert flow["triggerConfig"]["secret"] == "${FLOW_NIGHTLY_SECRET}"


async def test_some_tables_come_with_what_hangs_on_them(shared_estate: Api) -> None:
    document = (await shared_estate.get("/admin/definitions", tables="post")).row
    assert [one["name"] for one in document["tables"]] == ["post"]
    assert [one["path"] for one in document["routes"]] == ["/report/:year"]
    assert [len(document[name]) for name in ("handlers", "preHooks", "postHooks")] == [1, 1, 0]
    assert "flows" not in document
    answer = await shared_estate.get("/admin/definitions", tables="psot")
    assert (answer.status, answer.code) == (404, "RESOURCE_NOT_FOUND")
    assert "Did you mean 'post'?" in answer.message


async def test_it_is_for_administrators(shared_estate: Api) -> None:
    ann = await shared_estate.login("ann@example.com", "secret-1234")
    assert (await ann.get("/admin/definitions")).status == 403
    assert (await shared_estate.anonymous.get("/admin/definitions")).status == 401


async def test_strangers_are_not_written_over(shared_estate: Api, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("theirs: true\n")
    document = (await shared_estate.get("/admin/definitions")).row
    with pytest.raises(FilesError, match="is it an export"):
        write_folder(document, tmp_path)
    assert (tmp_path / "settings.yaml").read_text() == "theirs: true\n"


async def test_an_export_changes_only_what_has_changed(shared_estate: Api, tmp_path: Path) -> None:
    write_folder((await shared_estate.get("/admin/definitions")).row, tmp_path)
    (tmp_path / "README.md").write_text("Ours")
    again = write_folder((await shared_estate.get("/admin/definitions")).row, tmp_path)
    assert (again.changed, again.removed) == ((), ())
    (script,) = await shared_estate.rows("/bootstrap_script_definition")
    await shared_estate.delete(f"/bootstrap_script_definition/{script['id']}")
    await shared_estate.define("tag", "name varchar")
    again = write_folder((await shared_estate.get("/admin/definitions")).row, tmp_path)
    assert (again.changed, again.removed) == (("tables/tag.yaml",), ("bootstrap/seed.py",))
    assert (tmp_path / "README.md").read_text() == "Ours"
