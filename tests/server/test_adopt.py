"""`enfyra adopt`: what it prints, and what it leaves as it was."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.databases import SQL_ENGINES, Databases, SqliteDatabases
from tests.processes import run

SECRETS = {"ADMIN_PASSWORD": "secret", "SECRET_KEY": "x" * 16}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A database that Enfyra has never been in."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            'CREATE TABLE "Order" (id INTEGER PRIMARY KEY, "Ship\x1bTo" TEXT);'
            'CREATE TABLE line (order_id INTEGER REFERENCES "Order" (id), number INTEGER,'
            " amount INTEGER CHECK (amount > 0), PRIMARY KEY (order_id, number));"
            "CREATE VIEW totals AS SELECT order_id, sum(amount) AS total FROM line GROUP BY 1;"
            "CREATE TABLE picture (raw BLOB);"
        )
    return path


def adopt(path: Path, *options: str) -> tuple[int, str, str]:
    done = run("adopt", "--url", f"sqlite:///{path}", *options, settings=SECRETS)
    return done.returncode, done.stdout, done.stderr


def test_a_dry_run_makes_nothing_not_even_our_own_tables(shop: Path, tmp_path: Path) -> None:
    databases = SqliteDatabases(tmp_path)
    before = databases.schema(f"sqlite:///{shop}")
    code, shown, errors = adopt(shop, "--dry-run")
    assert (code, errors) == (0, "")
    assert databases.schema(f"sqlite:///{shop}") == before
    assert not list(tmp_path.glob("*.key"))
    lines = shown.splitlines()
    assert lines[0] == "3 tables and 1 relation would be defined"
    assert lines[-1] == "Nothing was changed: this was a dry run."
    for pattern in (
        r"^  line +line +order_id \+ number +3 +GET POST +records are not changed one by one$",
        r"^  order +Order +id +2 +GET POST PUT PATCH DELETE$",
        r"^  totals +totals +order_id +2 +GET +it is a view$",
        r"^  line\.order +many-to-one +order +lines +line\.order_id$",
        r"^  Order\.Ship\?To +Ship_To$",
        r"^  line +check +check 1 +.*\(amount > 0\)$",
        r"^  picture +table +none of its columns can be shown and put in order$",
    ):
        assert re.search(pattern, shown, re.MULTILINE), (pattern, shown)
    assert "\x1b" not in shown


def test_what_is_adopted_is_there_and_is_left_alone_the_next_time(shop: Path) -> None:
    code, shown, errors = adopt(shop, "--tables", "order,li*", "--exclude", "totals")
    assert (code, errors) == (0, "")
    assert shown.startswith("2 tables and 1 relation are defined\n")
    code, shown, _ = adopt(shop, "--dry-run", "--key", "totals=order_id")
    assert shown.startswith("1 table and 0 relations would be defined\n")
    assert re.search(r"Defined before:\n.*\n  Order\n  line\n", shown), shown
    with closing(sqlite3.connect(shop)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM table_definition")}
    assert {"order", "line"} <= names
    assert "totals" not in names


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (
            ["--tables", "ordr"],
            1,
            "enfyra: The database has no table 'ordr'. Did you mean 'Order'?",
        ),
        (["--key", "totals"], 2, "must be TABLE=COLUMN, not 'totals'"),
        (["--key", "totals=x"], 1, "'x' cannot be the key of 'totals': it has no such column"),
        (["--table", "x"], 2, "--table"),
    ],
)
def test_mistakes_are_named(shop: Path, options: list[str], code: int, said: str) -> None:
    done = adopt(shop, *options)
    assert done[0] == code, done
    assert said in done[2]
    assert "Traceback" not in done[2]


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    code, _, errors = adopt(tmp_path / "none.db")
    assert (code, errors) == (2, f"enfyra: There is no database {tmp_path / 'none.db'}\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("engine", SQL_ENGINES, indirect=True)
def test_a_database_of_a_server(databases: Databases, empty_uri: str, engine: str) -> None:
    databases.execute(empty_uri, "CREATE TABLE thing (id INTEGER NOT NULL PRIMARY KEY)")
    before = databases.schema(empty_uri)
    for options, said in ((["--dry-run"], "would be"), ([], "are")):
        done = run("adopt", "--db", empty_uri, *options, settings=SECRETS)
        assert (done.returncode, done.stderr) == (0, ""), done
        assert done.stdout.startswith(f"1 table and 0 relations {said} defined\n")
        if options:
            assert databases.schema(empty_uri) == before
