"""How the server answers a query, to look at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from .display import visible, wrapped


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the database is asked, and how it means to answer.

    Attributes:
        plan: The query with all names resolved; of SQL, there is none.
        statements: What the database is asked, with placeholders for values.
        database: Its own plan of each statement.

    Example:
        >>> Explanation.of({"plan": {}, "statements": ["SELECT 1"], "database": [["SCAN post"]]})
        SELECT 1
        <BLANKLINE>
          SCAN post
    """

    plan: Mapping[str, Any]
    statements: tuple[str, ...]
    database: tuple[str, ...]

    @staticmethod
    def of(told: Mapping[str, Any]) -> Explanation:
        """Read the answer to `explain=true`, or to `explain` of SQL."""
        return Explanation(
            told.get("plan", {}),
            tuple(map(_text, told["statements"])),
            tuple(map(_text, told["database"])),
        )

    def __repr__(self) -> str:
        return "\n\n".join(
            f"{statement}\n\n{_indented(plan)}"
            for statement, plan in zip(self.statements, self.database, strict=True)
        )

    def _repr_html_(self) -> str:
        return wrapped(
            "".join(
                f"<pre>{escape(statement)}</pre><pre class='note'>{escape(plan)}</pre>"
                for statement, plan in zip(self.statements, self.database, strict=True)
            )
        )


def _text(told: Any) -> str:
    if isinstance(told, str):
        return visible(told)
    if isinstance(told, list) and all(isinstance(line, str) for line in told):
        return visible("\n".join(told))
    return visible(json.dumps(told, indent=2, ensure_ascii=False, default=str))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
