"""Names for what has names that ours cannot be; the same name gives the same one each time."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from ...metadata import names

_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_]+")
_KEY_SUFFIX = re.compile(r"(_id|_ID|Id|ID)$")
# Letters that are not a letter of ASCII with something on it.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D",
     "ł": "l", "Ł": "L", "þ": "th", "Þ": "Th", "ð": "d"}
)  # fmt: skip


def table_name(physical: str) -> str:
    """Give a table's name as ours are.

    Example:
        >>> [table_name(one) for one in ("InvoiceLine", "Order Details", "Größe", "a_definition")]
        ['invoice_line', 'order_details', 'grosse', 'a_definition_table']
    """
    bare = _plain(_WORD_BORDER.sub("_", physical)).lower()
    name = _cut(bare or f"table_{_digest(physical)}")
    if names.table_name_problem(name) is None:
        return name
    return f"{name}_table" if name.endswith("_definition") else f"t_{name}"


def field_name(physical: str) -> str:
    """Give a column's name as ours are.

    Example:
        >>> [field_name(one) for one in ("Total Amount", "2nd", "prénom", "名前")]
        ['Total_Amount', 'c_2nd', 'prenom', 'c_d54d12f9']
    """
    bare = _plain(physical)
    if not bare:
        return f"c_{_digest(physical)}"
    return _cut(bare if bare[0].isalpha() else f"c_{bare}")


def relation_name(column: str, target: str, referred: str = "id") -> str:
    """Name the relation that a foreign key holds.

    Args:
        referred: The column that it refers to.

    Example:
        >>> relation_name("SupportRepId", "employee"), relation_name("id", "staff")
        ('supportRep', 'staff')
        >>> relation_name("country_code", "country", "code")
        'country'
    """
    bare = column if _KEY_SUFFIX.search(referred) else column.removesuffix(f"_{referred}")
    bare = _KEY_SUFFIX.sub("", bare)
    if not bare or column.lower() == "id":
        bare = target
    return bare[0].lower() + bare[1:]


def plural(name: str) -> str:
    """Give the name of many; many tables have one already.

    Example:
        >>> plural("film"), plural("address"), plural("status"), plural("city"), plural("flights")
        ('films', 'addresses', 'statuses', 'cities', 'flights')
    """
    if name.endswith("s") and not name.endswith(("ss", "us", "is", "as", "os")):
        return name
    if name.endswith("y") and name[-2:-1] not in {*"aeiou", ""}:
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def free(wanted: str, taken: set[str]) -> str:
    """Give a name that is not taken yet, case aside, and take it."""
    wanted = wanted[: names.MAX_NAME]
    name, number = wanted, 1
    while name.lower() in taken:
        number += 1
        name = f"{wanted[: names.MAX_NAME - 4]}_{number}"
    taken.add(name.lower())
    return name


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    letters = "".join(one for one in decomposed if not unicodedata.combining(one))
    return _NOT_IN_NAME.sub("_", letters).strip("_")


def _cut(name: str) -> str:
    """Shorten a name that is too long; what is cut off still counts."""
    most = names.MAX_NAME - 6
    return name if len(name) <= most else f"{name[: most - 9]}_{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:8]
