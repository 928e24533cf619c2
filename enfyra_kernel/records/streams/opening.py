"""Record batches of a database in one of the formats."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from ...query.plan import Plan
from ...storage.database import Database, Values
from .arrow import ArrowEncoder
from .csv import CsvEncoder
from .encoders import Encoder, encoded
from .formats import ARROW, CSV, PARQUET, Format
from .parquet import ParquetEncoder

_ENCODERS: dict[str, Callable[[bool], Encoder]] = {
    ARROW.name: lambda _: ArrowEncoder(),
    PARQUET.name: lambda _: ParquetEncoder(),
    CSV.name: lambda safe: CsvEncoder(safe=safe),
}


def open_stream(
    database: Database,
    plan: Plan,
    values: Values,
    limit: int | None,
    format: Format,  # noqa: A002 - what it is called everywhere
    *,
    safe: bool = False,
) -> AsyncGenerator[bytes, Any]:
    """Give all records of a Plan in a format, piece by piece."""
    return encoded(database.batches(plan, values, limit), _ENCODERS[format.name](safe))
