"""JSON and instants in the one form that every database, transport and test agrees on."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from .errors import EnfyraError

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()
_pieces = msgspec.json.Decoder(list[msgspec.Raw])

encode_json = _encoder.encode

_POSITION = re.compile(r" \(byte (\d+)\)$")


def decode_json(data: bytes | str) -> Any:
    """Decode JSON that a client sent.

    Raises:
        EnfyraError: INVALID_JSON, with the place of the fault. NaN, infinities, invalid UTF-8 and
            nesting deeper than the interpreter bears are faults too.

    Example:
        >>> decode_json(b'{"views": 3}')
        {'views': 3}
    """
    try:
        return _decoder.decode(data)
    except RecursionError:
        raise EnfyraError("INVALID_JSON", "The JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise EnfyraError("INVALID_JSON", _json_fault(data, error)) from None


def decode_json_in_pieces(data: bytes) -> Any:
    """Decode a large body on a thread without keeping everybody else from running.

    The decoder holds the interpreter's lock until it is done: a tenth of a second for ten
    megabytes. A list, which large bodies are, is cut into its items first, and those are decoded
    one by one.
    """
    if data.lstrip()[:1] != b"[":
        return decode_json(data)
    try:
        items = _pieces.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return decode_json(data)
    return [decode_json(bytes(item)) for item in items]


def _json_fault(data: bytes | str, error: Exception) -> str:
    # Since version 0.23 the decoder says so in an error of its own.
    if isinstance(error, UnicodeError) or "UTF-8" in str(error):
        return f"The JSON is not valid UTF-8{_first_bad_byte(data)}"
    reason = str(error).removeprefix("JSON is malformed: ")
    if found := _POSITION.search(reason):
        raw = data.encode() if isinstance(data, str) else data
        before = raw[: int(found[1])]
        line = before.count(b"\n") + 1
        column = len(before) - (before.rfind(b"\n") + 1) + 1
        reason = f"{reason[: found.start()]} (line {line}, column {column})"
    return f"The JSON is malformed: {reason}"


def _first_bad_byte(data: bytes | str) -> str:
    # The decoder counts from the beginning of the text value that it was in.
    try:
        bytes(data).decode() if not isinstance(data, str) else data.encode()
    except UnicodeDecodeError as error:
        return f" (byte {error.start})"
    except UnicodeEncodeError as error:
        return f" (character {error.start})"
    return ""


@lru_cache(16_384)
def format_instant(instant: datetime) -> str:
    """Render an instant as RFC 3339 in UTC, without trailing zeros in the fraction.

    The form sorts as text in the order of time, and is what PostgreSQL gives for a `timestamptz`
    in JSON when the session's zone is UTC. All databases answer in it.

    Example:
        >>> format_instant(datetime(2026, 11, 20, 13, 5, 9, 500000, tzinfo=UTC))
        '2026-11-20T13:05:09.5+00:00'
    """
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat()
    if "." in text:
        text = text.rstrip("0")
    return f"{text}+00:00"
