"""What all grids are: a table whose rows come page by page, and what is done in it."""

from __future__ import annotations

from typing import ClassVar

import traitlets

from .part import Part

# So many cells travel at once, in rows of at least MIN and at most MAX.
_CELLS = 4_000
_MIN, _MAX = 20, 100


def rows_of_a_page(columns: int) -> int:
    """Give how many rows travel at once, of so many columns.

    Example:
        >>> rows_of_a_page(4), rows_of_a_page(500)
        (100, 20)
    """
    return max(_MIN, min(_MAX, _CELLS // max(columns, 1)))


class GridPart(Part):
    """A grid; a subclass answers `page`, and `value` for a value that is long.

    Attributes:
        columns: What each column holds.
        size: How many rows a page has.
        sort: By what it is sorted, as in `["-views", "title"]`.
        filters: What is typed above the columns, by their names.
        top: The first row that is seen.
        left: How far it is scrolled to the side, in pixels.
        widths: Of columns that have been given another one, in pixels.
        creatable: Whether whoever asks may make rows.
        deletable: Whether whoever asks may delete rows.
        fresh: Rows that are written and not saved: texts by the names of columns.
        marked: Rows that are to be deleted, by key: what is seen of each, by the names of columns.
        note: What else there is to say about how many rows there are.
        fetched: Whether its rows have been fetched once, so that `again` is asked to do so anew.
    """

    face: ClassVar[str] = "grid"
    faces: ClassVar[tuple[str, ...]] = (
        "picking", "grid_pages", "grid_view", "grid_history", "grid_rows", "grid_waiting",
        "grid_editor",
    )  # fmt: skip
    keeps: ClassVar[tuple[str, ...]] = (
        "sort", "filters", "top", "left", "widths", "fresh", "marked",
    )  # fmt: skip

    columns = traitlets.List().tag(sync=True)
    size = traitlets.Int(_MAX).tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)
    sort = traitlets.List(traitlets.Unicode()).tag(sync=True)
    filters = traitlets.Dict().tag(sync=True)
    filterable = traitlets.Bool(True).tag(sync=True)
    top = traitlets.Int().tag(sync=True)
    left = traitlets.Int().tag(sync=True)
    widths = traitlets.Dict().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    fetched = traitlets.Bool(False).tag(sync=True)
    creatable = traitlets.Bool(False).tag(sync=True)
    deletable = traitlets.Bool(False).tag(sync=True)
    fresh = traitlets.List().tag(sync=True)
    marked = traitlets.Dict().tag(sync=True)
