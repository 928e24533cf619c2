"""JSON and instants in their one form."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from enfyra_kernel.encoding import (
    decode_json,
    decode_json_in_pieces,
    encode_json,
    format_instant,
)
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.metadata.types import ColumnType
from enfyra_kernel.metadata.values import reader
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.metadata.builders import property_test

TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


def refused(data: bytes | str) -> str:
    with pytest.raises(EnfyraError) as caught:
        decode_json(data)
    assert caught.value.code == "INVALID_JSON"
    return caught.value.message


def code_of(data: bytes | str) -> str | None:
    """Give the code of the error that the data is refused with, if it is."""
    try:
        decode_json(data)
    except EnfyraError as error:
        return error.code
    return None


@given(JSON)
@property_test
def test_what_is_encoded_can_be_decoded(value: Any) -> None:
    assert decode_json(encode_json(value)) == value


@given(JSON)
@property_test
def test_text_and_bytes_are_decoded_alike(value: Any) -> None:
    data = encode_json(value)
    assert decode_json(data.decode()) == decode_json(data)


@given(st.binary())
@property_test
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    assert code_of(data) in {None, "INVALID_JSON"}


@given(st.text(st.characters(exclude_categories=[])))
@property_test
def test_any_text_is_decoded_or_refused(text: str) -> None:
    assert code_of(text) in {None, "INVALID_JSON"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b'{"a": 1,}',
        b"[1, 2,]",
        b"{'a': 1}",
        b"{a: 1}",
        b'{"a" 1}',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"undefined",
        b"01",
        b"1e400",
        b"// a comment\n1",
        b"1 2",
        b'"open',
        b'"\x01"',
        b'"\\x41"',
        b'"\\ud800"',
        b'"\\ude00\\ud83d"',
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        "1".encode("utf-16"),
        b"9" * 5000,
    ],
)
def test_malformed_json_is_refused(data: bytes) -> None:
    assert refused(data).startswith("The JSON is ")


def test_the_place_of_a_fault_is_given_as_line_and_column() -> None:
    assert refused(b'{\n  "a": 1,\n  "b": x}').endswith("(line 3, column 8)")


def test_the_place_of_a_fault_in_text_counts_characters_before_it_on_the_line() -> None:
    assert refused('["a", x]').endswith("(line 1, column 7)")


def test_the_place_of_invalid_utf_8_is_given() -> None:
    assert refused(b'{"title": "\xff"}') == "The JSON is not valid UTF-8 (byte 11)"


def test_half_a_surrogate_pair_in_text_is_refused() -> None:
    assert refused('"\ud800"')


@pytest.mark.parametrize(("open_", "close"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_ten_thousand_levels_are_too_deep(open_: bytes, close: bytes) -> None:
    assert refused(open_ * 10_000 + b"1" + close * 10_000) == "The JSON is nested too deeply"


def test_a_hundred_levels_are_not_too_deep() -> None:
    assert decode_json(b"[" * 100 + b"]" * 100)


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, -(2**63), 2**64, 10**30])
def test_integers_of_any_size_keep_every_digit(number: int) -> None:
    assert decode_json(str(number).encode()) == number


def test_characters_beyond_the_basic_plane_are_kept() -> None:
    assert decode_json(b'"\\ud83d\\ude00"') == decode_json('"\U0001f600"') == "\U0001f600"


# -- large bodies ---------------------------------------------------------------------------------


@given(JSON)
@property_test
def test_in_pieces_the_result_is_the_same(value: Any) -> None:
    data = encode_json(value)
    assert decode_json_in_pieces(data) == decode_json(data)


@given(st.lists(JSON, max_size=4))
@property_test
def test_a_list_in_pieces_with_space_between_is_the_same(values: list[Any]) -> None:
    data = b" [ " + b" , ".join(encode_json(value) for value in values) + b" ] "
    assert decode_json_in_pieces(data) == values


@pytest.mark.parametrize(
    "data", [b"[", b"[1,]", b"[1] 2", b'["\xff"]', b"[NaN]", b"[" * 10_000, b"", b'["\\ud800"]']
)
def test_in_pieces_malformed_json_is_refused_just_so(data: bytes) -> None:
    with pytest.raises(EnfyraError) as caught:
        decode_json_in_pieces(data)
    assert caught.value.code == "INVALID_JSON"


# -- instants -------------------------------------------------------------------------------------

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(
    min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=ZONES
)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 11, 20, 13, tzinfo=UTC), "2026-11-20T13:00:00+00:00"),
        (datetime(2026, 11, 20, 13, 0, 0, 120000, tzinfo=UTC), "2026-11-20T13:00:00.12+00:00"),
        (datetime(2026, 11, 20, 13, 0, 0, 1, tzinfo=UTC), "2026-11-20T13:00:00.000001+00:00"),
        (datetime(2026, 11, 20, 10, 20, 30, tzinfo=UTC), "2026-11-20T10:20:30+00:00"),
        (datetime(1969, 7, 20, 20, 17, 40, tzinfo=UTC), "1969-07-20T20:17:40+00:00"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00+00:00"),
        (datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999+00:00"),
        (
            datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "2025-12-31T18:30:00+00:00",
        ),
    ],
)
def test_an_instant_is_written_in_utc_without_trailing_zeros(instant: datetime, text: str) -> None:
    assert format_instant(instant) == text


@given(INSTANTS, INSTANTS)
@property_test
def test_instants_sort_as_text_like_in_time(one: datetime, other: datetime) -> None:
    assert (format_instant(one) < format_instant(other)) == (one < other)


@given(INSTANTS, st.integers(0, 999_999), st.integers(0, 999_999))
@property_test
def test_instants_of_one_second_sort_as_text_too(base: datetime, one: int, other: int) -> None:
    first, second = base.replace(microsecond=one), base.replace(microsecond=other)
    assert (format_instant(first) < format_instant(second)) == (first < second)


@given(INSTANTS)
@property_test
def test_a_written_instant_reads_back(instant: datetime) -> None:
    assert reader(ColumnType.DATETIME)(format_instant(instant)) == instant
    assert datetime.fromisoformat(format_instant(instant)) == instant


@given(INSTANTS, ZONES)
@property_test
def test_the_zone_makes_no_difference(instant: datetime, zone: timezone) -> None:
    assert format_instant(instant) == format_instant(instant.astimezone(zone))


@given(st.floats(allow_nan=False, allow_infinity=False))
@property_test
def test_floats_keep_every_bit(number: float) -> None:
    back = decode_json(encode_json(number))
    assert back == number
    assert math.copysign(1, back) == math.copysign(1, number)
