"""Which widget stands below which cell, so that a cell that runs again leaves none behind."""

from __future__ import annotations

from typing import TypeVar

from IPython.core.getipython import get_ipython

from .part import Part

_Any = TypeVar("_Any", bound=Part)


class Shelf:
    """The widgets of one notebook.

    Example:
        >>> shelf = Shelf()
        >>> shelf.count
        0
    """

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str, str], Part] = {}

    @property
    def count(self) -> int:
        """How many stand there."""
        return len(self._parts)

    def put(self, part: _Any, subject: str, *, cell: str | None = None) -> _Any:
        """Put a widget below the cell that runs, in the place of the one that it had.

        The new one takes over what the old one keeps, and the old one is closed.

        Args:
            subject: What it is about, such as a table: another subject is another widget.
            cell: The cell's id; the one that runs, if there is none.
        """
        cell = cell or running_cell()
        if cell is None:
            # Nobody can tell whether it is the same cell.
            return part
        place = (cell, type(part).__name__, subject)
        before = self._parts.get(place)
        if before is not None and before is not part:
            with part.hold_trait_notifications():
                for name in part.keeps:
                    setattr(part, name, getattr(before, name))
            before.close()
        self._parts[place] = part
        return part

    def clear(self) -> None:
        """Close all of them."""
        for part in self._parts.values():
            part.close()
        self._parts.clear()


def running_cell() -> str | None:
    """Give the id of the cell that runs, as JupyterLab, Notebook and VS Code tell it."""
    shell = get_ipython()
    parent = getattr(shell, "get_parent", dict)() or {}
    cell = parent.get("metadata", {}).get("cellId")
    return str(cell) if cell else None
