"""What cells show: small tables, as HTML with everything escaped, and as plain text."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

MAX_CELL = 120
MAX_TEXT_CELL = 40

# Lab's own colours where there are any, so that dark themes stay dark.
_STYLE = (
    ".enfyra{font-family:var(--jp-ui-font-family,sans-serif);font-size:13px;overflow-x:auto}"
    # Short values, such as dates, stay in one line, however wide the table is.
    ".enfyra table{border-collapse:collapse;margin:4px 0;width:max-content}"
    ".enfyra th,.enfyra td{text-align:left!important;padding:3px 10px!important;"
    "border-bottom:1px solid var(--jp-border-color2,#ddd);white-space:pre-wrap;max-width:36em;"
    "vertical-align:top}"
    ".enfyra th{font-weight:600}"
    ".enfyra td.n{text-align:right!important;font-variant-numeric:tabular-nums}"
    ".enfyra .null{color:var(--jp-ui-font-color3,#999)}"
    ".enfyra .note{color:var(--jp-ui-font-color2,#666)}"
    ".enfyra .title{font-weight:600}"
    ".enfyra .bad{color:var(--jp-error-color1,#b00020)}"
    ".enfyra .good{color:var(--jp-success-color1,#1b7f3b)}"
)


# What moves a terminal's cursor, colours it, or turns the direction of writing: shown, not done.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]")


# What stands above or joins other letters.
_WITHOUT_WIDTH = frozenset({"Mn", "Me", "Cf"})


def visible(text: str) -> str:
    r"""Give a text with its control characters as something to be seen.

    Example:
        >>> visible("\x1b[31mred \u202eevil")
        '␛[31mred ⟨202E⟩evil'
    """
    return _UNSEEN.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    number = ord(found[0])
    # Unicode has pictures of the oldest ones.
    return chr(0x2400 + number) if number < 0x20 else f"⟨{number:04X}⟩"


def width_of(text: str) -> int:
    """Give how many columns of a terminal a text takes: pictures and letters of East Asia take two.

    Example:
        >>> width_of("Ann"), width_of("東京"), width_of("é"), width_of("e\\u0301")
        (3, 4, 1, 1)
    """
    return len(text) if text.isascii() else sum(map(_width, text))


def _width(letter: str) -> int:
    if unicodedata.category(letter) in _WITHOUT_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1


def text_of(value: Any) -> str:
    """Give a value as a person reads it.

    Example:
        >>> text_of({"name": "Ann"}), text_of(None), text_of(True)
        ('{"name": "Ann"}', '', 'true')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def shortened(text: str, most: int) -> str:
    """Cut a text that is too long for a cell."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _html_cell(value: Any) -> str:
    if value is None:
        return '<td class="null">null</td>'
    text = visible(text_of(value).replace("\r\n", "\n"))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    title = f' title="{escape(text[:2000])}"' if len(text) > MAX_CELL else ""
    kind = ' class="n"' if number else ""
    return f"<td{kind}{title}>{escape(shortened(text, MAX_CELL))}</td>"


def html_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Give a table as HTML.

    Example:
        >>> html_table(["a"], [["<script>"]])
        '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;script&gt;</td></tr></tbody></table>'
    """
    names = "".join(f"<th>{escape(visible(name))}</th>" for name in columns)
    head = f"<thead><tr>{names}</tr></thead>" if any(columns) else ""
    body = "".join(f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in rows)
    return f"<table>{head}<tbody>{body}</tbody></table>"


def text_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    r"""Give a table as text.

    Example:
        >>> print(text_table(["id", "name"], [[1, "Ann"], [20, None]]))
        id  name
        --  ----
        1   Ann
        20  null
    """
    columns = [_one_line(name, most=len(name)) for name in columns]
    cells = [["null" if value is None else _one_line(value) for value in row] for row in rows]
    widths = [
        max([width_of(name), *(width_of(row[number]) for row in cells)])
        for number, name in enumerate(columns)
    ]

    def line(values: Sequence[str]) -> str:
        padded = (
            value + " " * (width - width_of(value))
            for value, width in zip(values, widths, strict=True)
        )
        return "  ".join(padded).rstrip()

    head = [list(columns), ["-" * width for width in widths]] if any(columns) else []
    return "\n".join(map(line, [*head, *cells]))


def _one_line(value: Any, most: int = MAX_TEXT_CELL) -> str:
    # Cut first: a text can be very long.
    beginning = shortened(text_of(value), 10 * most)
    return shortened(visible(" ".join(beginning.split())), most)


def wrapped(content: str) -> str:
    """Put HTML that is already escaped into our frame; control characters are to be seen there."""
    return f'<div class="enfyra"><style>{_STYLE}</style>{visible(content)}</div>'


@dataclass(frozen=True, slots=True)
class Listing:
    """A titled table to look at, or several below each other.

    Example:
        >>> print(Listing("Tables", ["name"], [["post"]]))
        Tables
        name
        ----
        post
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    below: Sequence[Listing] = field(default=())

    def __repr__(self) -> str:
        parts = [self.title] if self.title else []
        if self.rows:
            parts.append(text_table(self.columns, self.rows))
        if self.note:
            parts.append(self.note)
        return visible("\n".join([*parts, *(f"\n{one!r}" for one in self.below)]))

    def html(self) -> str:
        """Give it as HTML, without the frame."""
        parts = [f'<div class="title">{escape(self.title)}</div>'] if self.title else []
        if self.rows:
            parts.append(html_table(self.columns, self.rows))
        if self.note:
            parts.append(f'<div class="note">{escape(self.note)}</div>')
        return "".join([*parts, *(one.html() for one in self.below)])

    def _repr_html_(self) -> str:
        return wrapped(self.html())


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of text, each good, bad, or just said.

    Example:
        >>> print(Lines([("", "post"), ("good", "+ title varchar")]))
        post
        + title varchar
    """

    lines: Sequence[tuple[str, str]]

    def __repr__(self) -> str:
        return visible("\n".join(text for _, text in self.lines))

    def _repr_html_(self) -> str:
        divisions = (
            f'<div class="{kind or "said"}">{escape(text)}</div>' for kind, text in self.lines
        )
        return wrapped("".join(divisions))


@dataclass(frozen=True, slots=True)
class Links:
    """Places to open in a browser.

    Attributes:
        places: What each is, and its address.
    """

    places: Sequence[tuple[str, str]]

    def __repr__(self) -> str:
        return visible("\n".join(f"{what}: {address}" for what, address in self.places))

    def _repr_html_(self) -> str:
        items = (
            f'<div><a href="{escape(address)}" target="_blank" rel="noopener">{escape(what)}</a> '
            f'<span class="note">{escape(address)}</span></div>'
            for what, address in self.places
        )
        return wrapped("".join(items))
