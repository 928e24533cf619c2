"""Definitions of tables in cells, read as they are in files."""

from __future__ import annotations

from typing import Any

from enfyra_kernel.definitions.files.words import (
    COLUMN_TYPES,
    COLUMN_WORDS,
    ON_DELETE,
    RELATION_KINDS,
    RELATION_WORDS,
    TABLE_KEYS,
    DefinitionError,
    read_table,
)

from .yamls import NotYamlError, read_yaml

__all__ = [
    "COLUMN_TYPES",
    "COLUMN_WORDS",
    "ON_DELETE",
    "RELATION_KINDS",
    "RELATION_WORDS",
    "TABLE_KEYS",
    "DefinitionError",
    "read_definition",
]


def read_definition(text: str) -> dict[str, Any]:
    """Read a table's definition, without its name, into the API's payload.

    The key `was`, which names the table as it has been called, is left in.

    Raises:
        DefinitionError: With all that is wrong.

    Example:
        >>> read_definition("columns: {title: 'varchar(60)!'}")["columns"]
        [{'name': 'title', 'type': 'varchar', 'isNullable': False, 'options': {'length': 60}, \
'defaultValue': None}]
    """
    try:
        source = read_yaml(text)
    except NotYamlError as error:
        raise DefinitionError(f"The cell is not valid YAML. {error}") from None
    if source is None:
        raise DefinitionError("The cell says nothing about the table; begin with `columns:`")
    return read_table(source, "The cell")
