"""Completion, asked for as a kernel asks for it."""

from __future__ import annotations

import os
import signal
import time

import pytest
from IPython.core.completer import provisionalcompleter

LIMIT = 0.050
PATIENCE = 60.0
LIFETIME = 5.1


@pytest.fixture
def tables(shell, client):
    client.post("/table_definition", {"name": "author", "columns": [
        {"name": "name", "type": "varchar"}, {"name": "nation", "type": "varchar"}]})  # fmt: skip
    client.post("/table_definition", {
        "name": "post",
        "columns": [{"name": "title", "type": "varchar"}, {"name": "views", "type": "int"}],
        "relations": [{"propertyName": "author", "type": "many-to-one", "targetTable": "author"}],
    })  # fmt: skip
    shell.run("%enfyra tables")


@pytest.fixture
def complete(shell):
    """Give what a text, whose cursor is at its end, becomes with each completion."""

    def complete(text: str) -> list[str]:
        magics = shell.shell.magics_manager.registry["EnfyraMagics"]
        # Of the processor: others may be at work on the machine.
        begin = time.thread_time()
        magics.completer.complete(text.split("\n"))
        assert time.thread_time() - begin < LIMIT
        with provisionalcompleter():
            found = list(shell.shell.Completer.completions(text, len(text)))
        return [text[: one.start] + one.text for one in found if one.type == "enfyra"]

    return complete


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    "text",
    [
        "%enfyra desc|ribe",
        "df = %enfyra prof|ile",
        "x = 1\n%enfyra sta|tus",
        "    %enfyra sta|tus",
        "%%enfyra ta|ble",
        "%enfyra query po|st",
        "%enfyra describe au|thor",
        "%enfyra erd post au|thor",
        "%enfyra help pu|sh",
        "%enfyra query post --fil|ter",
        "%enfyra query post --fields ti|tle",
        "%enfyra query post --fields title,author.nat|ion",
        "%enfyra query post --sort -vi|ews",
        "%enfyra found << query po|st",
        "%enfyra query --lang s|ql",
        "%%enfyra sql\nSELECT * FROM po|st",
        "%%enfyra x << sql --limit 5\nSELECT 1 FROM post AS p WHERE p.ti|tle",
        "%%enfyra query --lang sql\nSELECT title FROM post ORDER BY vi|ews",
        "%enfyra query post --dimensions author.nat|ion",
        "%enfyra query post --aggregate {vi|ews",
        "%enfyra query post --aggregate {views: {su|m",
        "%enfyra query post --deep {author: {fil|ter",
        "%enfyra query post --filter {vi|ews",
        '%enfyra query post --filter {"author": {"nat|ion',
        "%enfyra query post --filter {views: {_gte|",
        "%enfyra query post --filter {views: 5} --li|mit",
        "%enfyra push df --mode up|sert",
        "%enfyra push df --table po|st",
        "%enfyra push df --table post --key ti|tle",
        "%enfyra push df --table post --rename by=author.nam|e",
        "%%enfyra table post --pl|an",
        "%%enfyra table post\ncol|umns",
        "%%enfyra table post\ncolumns:\n  a: varc|har",
        "%%enfyra table post\ncolumns:\n  a: int uni|que",
        "%%enfyra table post\nrelations:\n  a: auth|or",
        "%%enfyra table post\nrelations:\n  a: author inv|erse",
        "%%enfyra table post\nrelations:\n  a: author on-delete casc|ade",
        "%%enfyra table post\nrelations:\n  a: many-to-many au|thor",
        "%%enfyra table post\ncolumns:\n  slug: int\nuniques:\n  - sl|ug",
        "%%enfyra query post\nfil|ter",
        "%%enfyra query post\ndimen|sions",
        "%%enfyra query post\nfilter:\n  auth|or",
        "%%enfyra query post\nfilter:\n  author:\n    nat|ion",
        "%%enfyra query post\nfilter:\n  views: {_bet|ween",
        "%%enfyra query post\nfilter:\n  _or:\n    - vi|ews",
        "%%enfyra query\ntable: post\nsort: -vi|ews",
        "%%enfyra query post\nfields: [title, author.nam|e",
        "%%enfyra query post\nfields:\n  - ti|tle",
        "%%enfyra query\ntable: au|thor",
    ],
)
def test_completes(complete, text):
    typed, _, rest = text.partition("|")
    assert complete(typed) == [typed + rest]


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    "text",
    [
        "my_enfyra des",
        "%timeit x",
        "%enfyra nonsense po",
        "%%enfyra table post\ncolumns:\n  ti",
        "x.",
    ],
)
def test_keeps_quiet_elsewhere(complete, text):
    assert complete(text) == []


def test_offers_data_frames(shell, complete):
    shell.run("import pandas as pd\nfirst = pd.DataFrame()\nfive = 5")
    assert complete("%enfyra push fi") == ["%enfyra push first"]


@pytest.mark.usefixtures("tables")
def test_never_waits_for_the_server(shell, server, complete):
    os.kill(server.pid, signal.SIGSTOP)
    try:
        time.sleep(LIFETIME)
        # It begins to ask, on a thread, and offers what it knows.
        assert complete("%enfyra query pos") == ["%enfyra query post"]
        assert complete("%enfyra desc") == ["%enfyra describe"]
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_connects_behind_the_notebooks_back(client, complete, shell):
    client.post("/table_definition", {"name": "post"})
    text = "%enfyra query po"
    assert complete("%enfyra query --li") == ["%enfyra query --limit"]
    # Mostly there at once, but nobody waits for long.
    end = time.monotonic() + PATIENCE
    while not (found := complete(text)):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert found == ["%enfyra query post"]
    # A connection that was closed stays closed.
    shell.run("%enfyra close")
    complete(text)
    assert shell.session.connections.active is None


@pytest.mark.usefixtures("tables")
def test_sql_knows_tables_that_stand_behind_the_cursor(shell):
    text, rest = "%%enfyra sql\nSELECT p.ti", ", 1\nFROM post AS p"
    with provisionalcompleter():
        found = list(shell.shell.Completer.completions(text + rest, len(text)))
    assert [one.text for one in found if one.type == "enfyra"] == ["title"]
