"""Which types a column may change to, and which existing values stand in the way."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ..encoding import decode_json
from ..errors import EnfyraError
from ..metadata.types import DATES, DOCUMENTS, INSTANTS, INTEGERS, NUMBERS, TEXTS, ColumnType
from ..metadata.values import reader, text_reader
from ..storage.changes import AlterColumn
from ..storage.physical import PhysicalColumn

Check = Callable[[str], str | None]

# From a text, anything whose form can be checked; everything becomes text.
_FROM_TEXT = NUMBERS | TEXTS | DATES | {
    ColumnType.BOOLEAN, ColumnType.UUID, ColumnType.SIMPLE_JSON,
}  # fmt: skip


def is_possible(old: ColumnType, new: ColumnType) -> bool:
    """Say whether a column's type can be changed at all.

    Example:
        >>> is_possible(ColumnType.VARCHAR, ColumnType.INT)
        True
        >>> is_possible(ColumnType.DATE, ColumnType.BOOLEAN)
        False
    """
    if old in TEXTS:
        return new in _FROM_TEXT
    if new in TEXTS:
        return True
    return (
        (old in NUMBERS and new in NUMBERS)
        or (old in INTEGERS and new is ColumnType.BOOLEAN)
        or (old is ColumnType.BOOLEAN and new in INTEGERS)
        or (old in DATES and new in DATES)
        or (old is ColumnType.ARRAY_SELECT and new is ColumnType.SIMPLE_JSON)
    )


def check_possible(change: AlterColumn) -> None:
    """Refuse a change of type that has no meaning.

    Raises:
        EnfyraError: VALIDATION_ERROR naming the column.
    """
    old, new = change.old.type, change.new.type
    if old is None or new is None or old is new or is_possible(old, new):
        return
    raise EnfyraError(
        "VALIDATION_ERROR",
        f"{change.table}.{change.new.name}: a {old.value} cannot become a {new.value}",
        hint="Add a new column, copy what you need into it, then drop the old one",
    )


def check_of(old: PhysicalColumn, new: PhysicalColumn) -> Check | None:
    """Give the check that each existing value, as text, has to pass; None if all will do."""
    if old.type is None or new.type is None:
        return None
    if old.type is new.type and old.options == new.options:
        return None
    if new.type in DOCUMENTS:
        return None if old.type in DOCUMENTS else _json_check
    if old.type is ColumnType.BOOLEAN and new.type in INTEGERS:
        return None
    if old.type in NUMBERS and new.type in NUMBERS:
        return None if _widens(old.type, new.type) else _strict_check(new)
    if new.type in INSTANTS:
        return None if old.type in DATES else _strict_check(new)
    if new.type is ColumnType.DATE:
        return _date_check if old.type in INSTANTS else _strict_check(new)
    if new.type in TEXTS and new.type not in {ColumnType.VARCHAR, ColumnType.ENUM}:
        return None
    if new.type is ColumnType.BOOLEAN:
        return _of_reader(text_reader(ColumnType.BOOLEAN))
    return _strict_check(new)


def loses(old: PhysicalColumn, new: PhysicalColumn) -> bool:
    """Say whether converting can lose something that values hold.

    A value that does not fit is refused, never cut; what can get lost is the form a text had.
    """
    if old.type is new.type or old.type is None or new.type is None:
        return False
    if old.type in TEXTS:
        return new.type not in TEXTS
    if old.type in NUMBERS and new.type in NUMBERS:
        return not _widens(old.type, new.type)
    return old.type in INSTANTS and new.type is ColumnType.DATE


_WIDTHS = {ColumnType.INT: 0, ColumnType.BIGINT: 1}


def _widens(old: ColumnType, new: ColumnType) -> bool:
    if old in _WIDTHS and new in _WIDTHS:
        return _WIDTHS[old] <= _WIDTHS[new]
    return old is ColumnType.INT and new is ColumnType.FLOAT


def _strict_check(new: PhysicalColumn) -> Check:
    if new.type is None:
        raise ValueError("a column without a type cannot be checked")
    if new.type in NUMBERS:
        number = text_reader(ColumnType.DECIMAL)
        strict = reader(new.type, new.options)
        if new.type in INTEGERS:
            return _of_reader(lambda text: strict(_whole(text)))
        kind = float if new.type is ColumnType.FLOAT else Decimal
        return _of_reader(lambda text: strict(kind(number(text))))
    return _of_reader(reader(new.type, new.options))


def _whole(text: str) -> int | str:
    try:
        number = Decimal(text)
        return int(number) if number == int(number) else text
    except (ArithmeticError, ValueError):
        return text


def _of_reader(read: Callable[[str], object]) -> Check:
    def check(text: str) -> str | None:
        try:
            read(text)
        except ValueError as error:
            return f"{_shown(text)} {error}"
        return None

    return check


def _json_check(text: str) -> str | None:
    try:
        decode_json(text)
    except EnfyraError:
        return f"{_shown(text)} must be JSON"
    return None


def _date_check(text: str) -> str | None:
    # Only midnight is a date; anything later in the day would be lost.
    if text[10:] in {"", "T00:00:00+00:00"}:
        return None
    return f"{_shown(text)} has a time of day"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
