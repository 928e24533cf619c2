"""Structured logs: one JSON object a line, and no secrets in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from enfyra_kernel.logs import configure, correlation_id, get_logger

Lines = Callable[[], list[dict[str, Any]]]

_TOUCHED = ("enfyra", "tornado", "tornado.access")


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    before = [
        (logger, logger.handlers[:], logger.propagate, logger.level)
        for logger in map(logging.getLogger, _TOUCHED)
    ]
    yield
    for logger, handlers, propagate, level in before:
        logger.handlers[:] = handlers
        logger.propagate = propagate
        logger.setLevel(level)


@pytest.fixture
def sink() -> io.TextIOWrapper:
    """What is written to: strict about characters, as a file is."""
    return io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)


@pytest.fixture
def lines(sink: io.TextIOWrapper) -> Lines:
    """Give all that was logged; each line must be a JSON object."""
    configure("info", sink)
    written: Any = sink.buffer
    return lambda: [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_says_what_where_when_and_how_bad(lines: Lines) -> None:
    get_logger("schema").info("started", extra={"tables": 5})
    (line,) = lines()
    assert line["event"] == "started"
    assert line["logger"] == "enfyra.schema"
    assert line["level"] == "info"
    assert line["tables"] == 5
    assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0)


def test_arguments_are_put_into_the_message(lines: Lines) -> None:
    get_logger("x").warning("%s of %s", 1, 2)
    assert lines()[0]["event"] == "1 of 2"


def test_the_correlation_id_is_in_every_line_of_the_request(lines: Lines) -> None:
    token = correlation_id.set("req_1")
    get_logger("x").info("inside")
    correlation_id.reset(token)
    get_logger("x").info("outside")
    inside, outside = lines()
    assert inside["correlationId"] == "req_1"
    assert "correlationId" not in outside


def test_a_correlation_id_that_is_given_stays(lines: Lines) -> None:
    token = correlation_id.set("req_1")
    get_logger("x").info("of another", extra={"correlationId": "req_2"})
    correlation_id.reset(token)
    assert lines()[0]["correlationId"] == "req_2"


@pytest.mark.parametrize(
    "name",
    ["password", "ADMIN_PASSWORD", "secretKey", "accessToken", "Authorization", "cookie",
     "refreshTokenHash"],
)  # fmt: skip
def test_a_secret_is_hidden_by_its_name(lines: Lines, name: str) -> None:
    get_logger("x").info("login", extra={name: "s3cr3t"})
    assert lines()[0][name] == "[hidden]"


def test_an_exception_is_part_of_its_line(lines: Lines) -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        get_logger("x").exception("failed")
    (line,) = lines()
    assert line["level"] == "error"
    assert "ZeroDivisionError" in line["exception"]


@pytest.mark.parametrize(
    "text", ["two\nlines", "\U0001f600", "\x00", "\u2028", '"quoted"', "a\\b", "\x1b[31mred"]
)
def test_whatever_a_text_holds_it_stays_one_line(lines: Lines, text: str) -> None:
    get_logger("x").info(text, extra={"path": text})
    (line,) = lines()
    assert line["event"] == line["path"] == text


class _Unreadable:
    def __str__(self) -> str:
        raise RuntimeError("no text of this")


@pytest.mark.parametrize(
    "value",
    [10**5000, {"deep": [object()]}, b"\xff", {1, 2}, float("nan"), 1 + 2j, _Unreadable()],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_is_no_json_does_not_lose_the_line(lines: Lines, value: Any) -> None:
    get_logger("x").info("odd", extra={"value": value})
    (line,) = lines()
    assert line["event"] == "odd"
    assert "value" in line


def test_half_a_surrogate_pair_does_not_lose_the_line(lines: Lines) -> None:
    get_logger("x").info("odd", extra={"path": "/post/\udcff"})
    (line,) = lines()
    assert line["event"] == "odd"


def test_a_value_that_contains_itself_does_not_lose_the_line(lines: Lines) -> None:
    loop: list[Any] = []
    loop.append(loop)
    get_logger("x").info("odd", extra={"value": loop})
    (line,) = lines()
    assert line["event"] == "odd"


def test_lines_below_the_level_are_left_out(lines: Lines) -> None:
    get_logger("x").debug("details")
    assert lines() == []


def test_the_level_can_be_set(lines: Lines, sink: io.TextIOWrapper) -> None:
    configure("debug", sink)
    get_logger("x").debug("details")
    assert lines()[0]["level"] == "debug"


def test_configuring_twice_does_not_write_twice(lines: Lines, sink: io.TextIOWrapper) -> None:
    configure("info", sink)
    get_logger("x").info("once")
    assert len(lines()) == 1


def test_tornado_logs_in_the_same_form(lines: Lines) -> None:
    logging.getLogger("tornado.routing").error("broken")
    assert lines()[0]["logger"] == "tornado.routing"


def test_tornado_writes_no_line_for_each_request(lines: Lines) -> None:
    logging.getLogger("tornado.access").warning("404 GET /")
    assert lines() == []


def test_loggers_of_others_are_left_alone() -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    configure("debug")
    assert (root.handlers, root.level) == before
    assert logging.getLogger("enfyra_else").propagate


def test_unless_told_otherwise_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    get_logger("x").info("here")
    assert json.loads(capsys.readouterr().err)["event"] == "here"
