"""Completion, asked for as a kernel asks for it."""

from __future__ import annotations

import os
import signal
import time

import pytest
from IPython.core.completer import provisionalcompleter

from enfyra_jupyter.magics.arguments import COMMANDS

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
        "%enfyra query --limit 5 post --fields ti|tle",
        "%%enfyra query --out found post\nsort: vi|ews",
        "%enfyra query post --measures cou|nt",
        "%enfyra query post --measures count,sum(vi|ews",
        "%enfyra query post --measures {highest: {ma|x",
        "%enfyra query post --measures {highest: {max: vi|ews",
        "%%enfyra query post\nmeasures: [cou|nt",
        "%%enfyra query post\nmeasures: [count, sum(vi|ews",
        "%%enfyra query post\nmeasures:\n  highest: {max: vi|ews",
        "%enfyra query post --deep {author: {fields: nam|e",
        "%enfyra query post --deep {author: {filter: {nam|e",
        "%enfyra query post --deep {author: {filter: {name: {_sta|rts_with",
        "%enfyra query post --deep {author: {fields: [id, nat|ion",
        "%%enfyra query post\ndeep:\n  author:\n    sort: -nam|e",
        "%enfyra routes /po|st",
        "%enfyra grant everybody GET,PO|ST",
        "%enfyra grant everybody GET /po|st",
        "%%enfyra hook GET * --path /po|st",
        "%%enfyra hook GET /po|st",
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


@pytest.fixture
def named(shell, client):
    """A shell in which flows and saved queries get names, which go when it ends."""
    yield shell
    for path in ("/query_definition", "/flow_definition"):
        for row in client.get(path, fields="id", limit=0)["data"]:
            client.send("DELETE", f"{path}/{row['id']}")


def known_by_now(shell):
    """Have completion know the names of flows and queries."""
    connection = shell.session.connections.active
    connection.flows.load()
    connection.queries.load()


def test_names_with_spaces_stand_in_quotes(named, complete):
    named.run("%%enfyra flow 'تقرير 😀'\n- {key: say, type: log}")
    named.run("%enfyra query flow_definition --save every_flow")
    named.run("%enfyra tables --system")
    known_by_now(named)
    for text in (
        "%enfyra run |'تقرير 😀'",
        "%enfyra run 'تق|رير 😀'",
        '%enfyra logs "تقرير |😀"',
        "%enfyra run 'تقرير 😀' --from s|ay",
        "%enfyra query --saved every_flow --fields triggerT|ype",
    ):
        typed, _, rest = text.partition("|")
        assert complete(typed) == [typed + rest]


# What people make up; all else that a line can hold is offered.
FREE = {
    "--as", "--cron", "--email", "--every", "--exclude", "--expires", "--ip", "--limit", "--name",
    "--of", "--out", "--param", "--payload", "--priority", "--query", "--row", "--sample",
    "--scopes", "--test", "--times", "--to", "--user", "--webhook", "adopt --key", "adopt PATTERN",
    "apply DIR", "diff DIR", "export DIR", "login URL", "users PATTERN",
}  # fmt: skip
ABOUT = {
    "TABLE": "post", "NAME": "nightly", "DIR": "definitions", "DATA": "frame --table post",
    "X": "views", "USER": "nobody", "METHOD": "GET", "WHO": "everybody", "METHODS": "GET",
    "KIND": "flow",
}  # fmt: skip
BEGUN = {"--filter": "{", "--deep": "{", "--aggregate": "{", "--timezone": "A"}


@pytest.mark.usefixtures("tables")
def test_everything_is_offered(named, complete, monkeypatch):
    named.run("%%enfyra flow nightly\n- {key: say, type: log}")
    named.run("%%enfyra sql --save figures\nSELECT 1 AS one")
    named.run("import pandas as pd\nframe, values = pd.DataFrame(), {}")
    known_by_now(named)
    monkeypatch.setattr("enfyra_jupyter.magics.completion.addresses", lambda: {"far": None})
    silent = set()
    for name, command in COMMANDS.items():
        line = f"%enfyra {name} "
        for one in command.arguments:
            flag = one.names[0]
            if not flag.startswith("--"):
                metavar = one.facts["metavar"]
                silent |= set() if complete(line) else {f"{name} {metavar}"}
                line += f"{ABOUT.get(metavar, '')} "
                continue
            assert f"{line}{flag}" in complete(f"{line}{flag[:-1]}")
            if flag in command.valued and not complete(f"{line}{flag} {BEGUN.get(flag, '')}"):
                silent.add(f"{name} {flag}")
    assert {one for one in silent if not {one, one.partition(" ")[2]} & FREE} == set()


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
