"""The formats that lists are answered in and loaded from, and which of them a client asks for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ...errors import EnfyraError, did_you_mean
from ...query.brackets import parse_query_string


@dataclass(frozen=True, slots=True)
class Format:
    """A format.

    Attributes:
        name: What `?format=` calls it.
        media_type: What it is called in headers.
        also: Other names that clients know it by.
        extension: What the names of its files end in.
        content_type: The media type as an answer has it.
    """

    name: str
    media_type: str
    extension: str
    also: frozenset[str] = frozenset()
    parameters: str = ""

    @property
    def content_type(self) -> str:
        """The media type with its parameters."""
        return f"{self.media_type}{self.parameters}"


JSON = Format("json", "application/json", "json", frozenset({"text/json"}))
ARROW = Format("arrow", "application/vnd.apache.arrow.stream", "arrows")
PARQUET = Format(
    "parquet",
    "application/vnd.apache.parquet",
    "parquet",
    frozenset({"application/parquet", "application/x-parquet"}),
)
CSV = Format("csv", "text/csv", "csv", frozenset({"application/csv"}), "; charset=utf-8")
NDJSON = Format(
    "ndjson",
    "application/x-ndjson",
    "ndjson",
    frozenset(
        {"application/ndjson", "application/jsonl", "application/jsonlines",
         "application/x-jsonlines", "application/x-jsonl"}
    ),
)  # fmt: skip

FORMATS = {one.name: one for one in (JSON, ARROW, PARQUET, CSV, NDJSON)}
_BY_MEDIA_TYPE = {kind: one for one in FORMATS.values() for kind in (one.media_type, *one.also)}


def named(name: str) -> Format:
    """Give the format that `?format=` names.

    Raises:
        EnfyraError: INVALID_QUERY with the nearest name.

    Example:
        >>> named("CSV").media_type
        'text/csv'
    """
    found = FORMATS.get(name.strip().lower())
    if found is None:
        raise EnfyraError(
            "INVALID_QUERY",
            f"format must be one of {', '.join(FORMATS)}, not '{name[:40]}'."
            f"{did_you_mean(name, FORMATS)}",
        )
    return found


def asked(query: str) -> Format | None:
    """Give the format that a query string asks for by `format`; None if by none.

    Raises:
        EnfyraError: INVALID_QUERY.

    Example:
        >>> asked("limit=5&format=parquet").extension
        'parquet'
    """
    if "format" not in query:
        return None
    name = parse_query_string(query).get("format")
    if name is not None and not isinstance(name, str):
        raise EnfyraError("INVALID_QUERY", "format is given twice")
    return named(name) if name is not None else None


def of_content(content_type: str) -> Format | None:
    """Give the format of a body by its content type; None for one that is unknown.

    Example:
        >>> of_content("text/csv; charset=utf-8").name
        'csv'
    """
    return _BY_MEDIA_TYPE.get(content_type.partition(";")[0].strip().lower())


@lru_cache(1024)
def accepted(header: str) -> Format:
    """Give the format that an Accept header likes best.

    Of several that it likes as much, the one that it names most closely, then the one that it
    names first, then JSON. A header that names none of ours gets JSON, too: that is what clients
    understand that send the header of some library without a thought.

    Example:
        >>> accepted("text/csv;q=0.5, application/x-ndjson, */*;q=0.1").name
        'ndjson'
        >>> accepted("text/html, */*;q=0.8").name
        'json'
    """
    ranges = _ranges(header)
    best, liked = JSON, (0.0, 0, 0)
    for one in FORMATS.values():
        # What names a format most closely says how much it is liked.
        says = [
            (closeness, quality, -position)
            for position, (kind, quality) in enumerate(ranges)
            if (closeness := _closeness(kind, one))
        ]
        if says:
            closeness, quality, position = max(says)
            if quality > 0 and (quality, closeness, position) > liked:
                best, liked = one, (quality, closeness, position)
    return best


def _closeness(kind: str, one: Format) -> int:
    if kind == "*/*":
        return 1
    if kind.endswith("/*"):
        return 2 if one.media_type.startswith(kind[:-1]) else 0
    return 3 if _BY_MEDIA_TYPE.get(kind) is one else 0


def _ranges(header: str) -> list[tuple[str, float]]:
    ranges: list[tuple[str, float]] = []
    for part in header.split(","):
        kind, *parameters = (one.strip().lower() for one in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                quality = _number(value.strip())
        if kind:
            ranges.append((kind, quality))
    return ranges


def _number(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
