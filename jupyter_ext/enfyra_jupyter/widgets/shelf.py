"""Which widget stands below which cell, so that a cell that runs again leaves none behind."""

from __future__ import annotations

from typing import Any, TypeVar

from IPython.core.getipython import get_ipython

from .part import Part

_Any = TypeVar("_Any", bound=Part)
_Place = tuple[str, str, int]


class Shelf:
    """The widgets of one notebook.

    Example:
        >>> shelf = Shelf()
        >>> shelf.count
        0
    """

    def __init__(self) -> None:
        self._cells: dict[str, _Cell] = {}

    @property
    def count(self) -> int:
        """How many stand there."""
        return sum(len(cell.parts) for cell in self._cells.values())

    def put(
        self, part: _Any, subject: str, *, cell: str | None = None, run: int | None = None
    ) -> _Any:
        """Put a widget below the cell that runs.

        Those that stood there since its last run are closed. The first one of the same kind and
        subject hands over what it keeps, the second one to the second, and so on.

        Args:
            subject: What it is about, such as a table: another subject is another widget.
            cell: The cell's id; the one that runs, if there is none.
            run: Which run of the cell it is; the present one, if there is none.
        """
        cell = cell or running_cell()
        if cell is None:
            # Nobody can tell whether it is the same cell.
            return part
        run = running_number() if run is None else run
        before = self._cells.get(cell)
        if before is None or before.run != run:
            kept = before.closed() if before is not None else {}
            self._cells[cell] = before = _Cell(run, kept)
        before.put(part, subject)
        return part

    def clear(self) -> None:
        """Close all of them."""
        for cell in self._cells.values():
            cell.closed()
        self._cells.clear()


class _Cell:
    """What one run of a cell has put, and what the run before has left to it."""

    def __init__(self, run: int, kept: dict[_Place, dict[str, Any]]) -> None:
        self.run = run
        self.parts: dict[_Place, Part] = {}
        self._kept = kept

    def put(self, part: Part, subject: str) -> None:
        kind = type(part).__name__
        number = sum(place[:2] == (kind, subject) for place in self.parts)
        place = (kind, subject, number)
        with part.hold_trait_notifications():
            for name, value in self._kept.pop(place, {}).items():
                setattr(part, name, value)
        self.parts[place] = part

    def closed(self) -> dict[_Place, dict[str, Any]]:
        """Close all, and give what they keep."""
        kept = {
            place: {name: getattr(part, name) for name in part.keeps}
            for place, part in self.parts.items()
        }
        for part in self.parts.values():
            part.close()
        return kept


def running_cell() -> str | None:
    """Give the id of the cell that runs, as JupyterLab, Notebook and VS Code tell it."""
    shell = get_ipython()
    parent = getattr(shell, "get_parent", dict)() or {}
    cell = parent.get("metadata", {}).get("cellId")
    return str(cell) if cell else None


def running_number() -> int:
    """Give how many cells have been run, this one included."""
    return int(getattr(get_ipython(), "execution_count", 0))
