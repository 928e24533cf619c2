"""The catalogue of errors, the error, and the body that every transport answers."""

from __future__ import annotations

import ast
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from enfyra_kernel.encoding import encode_json
from enfyra_kernel.errors import (
    CATALOGUE,
    EnfyraError,
    ErrorKind,
    did_you_mean,
    error_body,
    nearest,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.metadata.builders import property_test

ROOTS = ("enfyra_kernel", "server/enfyra_server", "jupyter_ext")


class Written(NamedTuple):
    """What stands in the source.

    Attributes:
        raised: The codes that stand as text in a call of EnfyraError.
        texts: All texts.
    """

    raised: set[str]
    texts: set[str]


@pytest.fixture(scope="module")
def written(project: Path) -> Written:
    """The source, which takes seconds to be read."""
    made = Written(set(), set())
    for root in ROOTS:
        for path in (project / root).rglob("*.py"):
            if path.name != "errors.py":
                _read(ast.parse(path.read_text()), made)
    return made


def _read(module: ast.Module, made: Written) -> None:
    for node in ast.walk(module):
        match node:
            case ast.Constant(str(text)):
                made.texts.add(text)
            case ast.Call(args=[ast.Constant(code), *_]):
                if ast.unparse(node.func).endswith("EnfyraError"):
                    made.raised.add(code)


def test_every_code_that_is_raised_is_in_the_catalogue(written: Written) -> None:
    assert len(written.raised) > 20
    assert written.raised - set(CATALOGUE) == set()


def test_every_code_of_the_catalogue_is_used(written: Written) -> None:
    assert set(CATALOGUE) - written.texts == set()


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.code)
def test_a_kind_has_a_status_and_a_sentence(kind: ErrorKind) -> None:
    assert 400 <= kind.status <= 599
    assert kind.code == kind.code.upper()
    assert kind.message
    assert kind.message[0].isupper()
    assert not kind.message.endswith(".")


def test_an_unknown_code_is_a_mistake_at_once() -> None:
    with pytest.raises(KeyError, match="NO_SUCH_CODE"):
        EnfyraError("NO_SUCH_CODE")


def test_message_and_hint_default_to_the_catalogue() -> None:
    error = EnfyraError("TOKEN_EXPIRED")
    assert error.message == "The token has expired"
    assert error.hint == "POST /auth/refresh-token renews it"
    assert (error.code, error.status) == ("TOKEN_EXPIRED", 401)


def test_message_hint_and_details_can_be_given() -> None:
    error = EnfyraError("BAD_REQUEST", "So not", details={"field": "x"}, hint="But so")
    assert (error.message, error.details, error.hint) == ("So not", {"field": "x"}, "But so")
    assert str(error) == "So not"


def test_an_empty_hint_takes_the_default_away() -> None:
    assert EnfyraError("TOKEN_EXPIRED", hint="").hint == ""


def test_several_problems_are_one_sentence() -> None:
    error = EnfyraError("INVALID_BODY", problems=(f"field{number} is bad" for number in range(2)))
    assert error.message == "field0 is bad; field1 is bad"
    assert error.problems == ("field0 is bad", "field1 is bad")


def test_the_repr_names_code_and_message() -> None:
    assert repr(EnfyraError("BAD_REQUEST", "No")) == "EnfyraError('BAD_REQUEST', 'No')"


# -- the body -------------------------------------------------------------------------------------


def body(error: EnfyraError) -> dict[str, object]:
    return error_body(error, path="/post", method="POST", correlation_id="abc")


def test_the_body_has_the_documented_shape() -> None:
    error = EnfyraError("RESOURCE_NOT_FOUND", "There is none", details={"id": 7})
    shown = body(error)
    timestamp = shown["error"].pop("timestamp")
    assert shown == {
        "success": False,
        "statusCode": 404,
        "message": "There is none",
        "error": {
            "code": "RESOURCE_NOT_FOUND",
            "message": "There is none",
            "details": {"id": 7},
            "hint": None,
            "path": "/post",
            "method": "POST",
            "correlationId": "abc",
        },
    }
    assert datetime.fromisoformat(timestamp).utcoffset() == timedelta(0)


def test_the_timestamp_has_milliseconds() -> None:
    fraction = body(EnfyraError("BAD_REQUEST"))["error"]["timestamp"].split(".")[1]
    assert len(fraction) == len("123+00:00")


def test_problems_are_a_list_outside_and_a_sentence_inside() -> None:
    shown = body(EnfyraError("INVALID_BODY", problems=["a is required", "b is required"]))
    assert shown["message"] == ["a is required", "b is required"]
    assert shown["error"]["message"] == "a is required; b is required"


def test_the_body_is_json_whatever_the_message_holds() -> None:
    assert encode_json(body(EnfyraError("BAD_REQUEST", 'emoji \U0001f600, "quotes", \x00')))


# -- the nearest name -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("titel", "title"),
        ("Title", "title"),
        ("TITLE", "title"),
        ("createdat", "createdAt"),
        ("viewss", "views"),
        ("_eqq", None),
        ("completely else", None),
        ("", None),
    ],
)
def test_a_mistyped_name_finds_the_one_that_was_meant(typed: str, meant: str | None) -> None:
    assert nearest(typed, ["id", "title", "views", "createdAt"]) == meant


def test_nothing_is_near_when_there_is_nothing() -> None:
    assert nearest("title", []) is None
    assert did_you_mean("title", []) == ""


@given(st.text(), st.lists(st.text(min_size=1)))
@property_test
def test_the_nearest_name_is_one_of_the_candidates(name: str, candidates: list[str]) -> None:
    assert nearest(name, candidates) in {None, *candidates}


@given(st.text(min_size=1))
@property_test
def test_a_name_is_nearest_to_itself(name: str) -> None:
    assert nearest(name, [name]) == name


def test_the_hint_is_a_sentence_to_append() -> None:
    assert did_you_mean("titel", ["title"]) == " Did you mean 'title'?"
