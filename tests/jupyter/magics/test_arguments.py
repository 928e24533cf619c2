"""Lines in words, and words in arguments."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from enfyra_jupyter.magics.arguments import COMMANDS, manual, parse
from enfyra_jupyter.magics.words import UnclosedError, words


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("", []),
        ("a  b", ["a", "b"]),
        ("a 'b c' \"d e\"", ["a", "b c", "d e"]),
        ("''", [""]),
        ("a'b c'd", ["ab cd"]),
        ('{"a": "b }"}', ['{"a": "b }"}']),
        ("{a: {b: [1, 2]}} c", ["{a: {b: [1, 2]}}", "c"]),
        ("--filter={a: 1}", ["--filter={a: 1}"]),
        ("'{\"a\": 1}'", ['{"a": 1}']),
        ("$x {y} :z %w", ["$x", "{y}", ":z", "%w"]),
    ],
)
def test_words(line, result):
    assert words(line) == result


@pytest.mark.parametrize("line", ["'a", '{"a', "{a: [1}", "--filter {a: 'b}"])
def test_what_is_not_closed(line):
    with pytest.raises(UnclosedError):
        words(line)


def test_a_sort_may_begin_with_a_hyphen():
    _, given = parse("query post --sort -a,b --fields -content --limit 5", has_body=False)
    assert (given.sort, given.fields, given.limit) == (["-a", "b"], ["-content"], 5)
    _, given = parse("query post --sort=-a", has_body=False)
    assert given.sort == ["-a"]


def test_filters_are_json_or_yaml():
    for text in ('{"a": {"_eq": "no"}}', "{a: {_eq: no}}", "'{a: {_eq: no}}'"):
        _, given = parse(f"query post --filter {text}", has_body=False)
        assert given.filter == {"a": {"_eq": "no"}}


def test_renames_may_come_together_or_one_by_one():
    _, given = parse("push df --table t --rename a=b,c=d.e --rename 'x y=z'", has_body=False)
    assert given.rename == [("a", "b"), ("c", "d.e"), ("x y", "z")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("qurey post", "%enfyra has no 'qurey'. Did you mean 'query'?"),
        ("zzz", "There are: connect, connections, use"),
        ("query post --filtr x", "has no --filtr. Did you mean '--filter'?"),
        ("status --x", "%enfyra status has no --x."),
        (
            "query post --limit many",
            "--limit: must be a whole number, not 'many'. %enfyra help query",
        ),
        ("query post --limit 99999999999", "--limit: is too large: 99999999999"),
        ("query post --filter x", "--filter: must be an object"),
        ("query post --filter '{a'", "--filter: is neither JSON nor YAML"),
        ("query post --limit", "--limit: expected one argument"),
        ("query 'post", "A quote is not closed: 'post"),
        ("query a b", "%enfyra query has no place for 'b'"),
        ("sql SELECT 1", "Below %%enfyra sql stands the statement"),
        ("export", "The following arguments are required: DIR."),
        ("describe", "The following arguments are required: TABLE"),
        ("push df", "The following arguments are required: --table"),
        ("push df --table t --mode merge", "--mode: invalid choice: 'merge'"),
        ("push df --table t --rename a", "must be COLUMN=FIELD, not 'a'"),
        ("table post", "%%enfyra table begins a cell"),
    ],
)
def test_mistakes_are_told(line, said):
    with pytest.raises(UsageError) as caught:
        parse(line, has_body=False)
    assert said in str(caught.value)
    # One paragraph; only what belongs below a cell is shown as such.
    assert "\n" not in str(caught.value).partition("\nFor example:")[0]


def test_cells_belong_below_some_only():
    with pytest.raises(UsageError, match="%%enfyra status takes no cell"):
        parse("status", has_body=True)


@pytest.mark.parametrize("line", ["help query", "query --help", "query -h"])
def test_help_is_asked_for_in_every_way(line):
    command, given = parse(line, has_body=False)
    assert (command.name, given.command) == ("help", "query")


def test_the_manual_holds_everything():
    text = manual()
    for name, command in COMMANDS.items():
        assert f"enfyra {name}" in text
        assert all(flag in text for flag in command.flags)
        assert max(map(len, text.splitlines())) <= 110
