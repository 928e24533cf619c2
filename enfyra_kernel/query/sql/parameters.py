"""Values of a statement: `:name` in what people write, a placeholder in what the database takes."""

# The types of sqlglot's tree differ between its versions.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, cast

from sqlglot import exp

from ...errors import EnfyraError, did_you_mean

_NAME = re.compile(r"[A-Za-z_]\w*")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
# PostgreSQL wants to know what a number is before it is told which.
_CASTS: Mapping[type, str] = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE PRECISION"}
_SIGNS: Mapping[str, Callable[[int], str]] = {
    "sqlite": lambda _: "?",
    "postgresql": lambda number: f"${number}",
    "mysql": lambda _: "%s",
}


class Parameters:
    """The values that a statement is run with.

    Args:
        engine: `sqlite`, `postgresql` or `mysql`.
        values: By their names, as JSON has them.
        text: The statement; markers for values are texts that do not occur in it.

    Raises:
        EnfyraError: INVALID_VALUE for a value that cannot be bound.
    """

    def __init__(self, engine: str, values: Mapping[str, Any], text: str) -> None:
        self._engine = engine
        self._values = values
        folded = text.casefold()
        self._prefix = next(
            prefix for number in count() if (prefix := f"enfyra_value_{number}_") not in folded
        )
        self._bound: list[tuple[str, Any]] = []
        for name, value in values.items():
            _check(name, value)

    def bind(self, tree: Any) -> None:
        """Put markers in the place of names.

        Raises:
            EnfyraError: INVALID_VALUE for a name that has no value, a value that has no name, and a
                list where none can stand; SQL_REFUSED for values that are written in another way.
        """
        used: set[str] = set()
        for one in list(tree.find_all(exp.Placeholder, exp.Parameter)):
            name = one.this
            if isinstance(one, exp.Parameter) or not isinstance(name, str):
                raise EnfyraError("SQL_REFUSED", "Values are written as :name")
            used.add(name)
            self._bind(one, name)
        for name in self._values:
            if name not in used:
                hint = did_you_mean(name, used)
                raise EnfyraError("INVALID_VALUE", f"The statement has no ':{name}'.{hint}")

    def _bind(self, node: Any, name: str) -> None:
        if name not in self._values:
            hint = did_you_mean(name, self._values)
            raise EnfyraError("INVALID_VALUE", f"There is no value for ':{name}'.{hint}")
        value = self._values[name]
        if not isinstance(value, list):
            node.replace(self._marker(name, value))
            return
        place = node.parent
        alone = isinstance(place, exp.Paren)
        holder = place.parent if alone else place
        if not isinstance(holder, exp.In):
            raise EnfyraError("INVALID_VALUE", f"The list ':{name}' can only stand in IN (:{name})")
        items = cast("list[Any]", value)
        # In an empty list there is nothing: a null is in no list.
        markers = [self._marker(name, item) for item in items] or [exp.Null()]
        others = [one for one in holder.args.get("expressions") or () if one is not node]
        holder.set("field", None)
        holder.set("expressions", [*others, *markers])

    def _marker(self, name: str, value: Any) -> Any:
        marker = exp.Literal.string(f"{self._prefix}{len(self._bound)}")
        self._bound.append((name, value))
        cast_to = _CASTS.get(type(value)) if self._engine == "postgresql" else None
        if cast_to is None:
            return marker
        return exp.Cast(this=marker, to=exp.DataType.build(cast_to, dialect="postgres"))

    def rendered(self, written: str) -> tuple[str, Sequence[Any]]:
        """Give a statement with the database's own placeholders, and the values for them.

        Raises:
            EnfyraError: SQL_REFUSED if a value stands where the statement itself depends on it.
        """
        arguments: list[Any] = []

        def placed(found: re.Match[str]) -> str:
            arguments.append(self._bound[int(found[1])][1])
            return _SIGNS[self._engine](len(arguments))

        if self._engine == "mysql":
            written = written.replace("%", "%%")
        text = re.sub(rf"'{self._prefix}(\d+)'", placed, written)
        if len(arguments) != len(self._bound):
            raise EnfyraError("SQL_REFUSED", "A value stands where the statement depends on it")
        return text, arguments


def _check(name: str, value: Any) -> None:
    if not _NAME.fullmatch(name):
        raise EnfyraError("INVALID_VALUE", f"'{name[:40]}' is no name for a value")
    for one in cast("list[Any]", value) if isinstance(value, list) else [value]:
        if one is not None and not isinstance(one, str | int | float):
            raise EnfyraError(
                "INVALID_VALUE",
                f"The value of ':{name}' must be a text, a number, true, false, null, or a list of "
                "these",
            )
        if isinstance(one, int) and not _SMALLEST <= one <= _LARGEST:
            raise EnfyraError("INVALID_VALUE", f"The value of ':{name}' has more than 64 bits")
        if isinstance(one, str) and "\0" in one:
            raise EnfyraError("INVALID_VALUE", f"The value of ':{name}' holds a null character")
