"""Kinds of definitions that are loaded as wholes: of one kind all that there are, or none.

Tables and routes can be many, and are loaded one by one. A further kind is a field of `Kinds`, a
loader in `records/source.py`, and the tables of its rows in `lifecycle/system.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .flows import FlowDefinition
from .hooks import Scripts
from .permissions import Permissions
from .queries import SavedQuery


class Kinds(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of each kind; None where it was not asked for.

    Attributes:
        settings: The row of `setting_definition`.
        scripts: All hooks and handlers.
        permissions: Who may do what.
        flows: What runs beside requests.
        queries: What has been given a name, to be asked by it.

    Example:
        >>> known = Kinds(settings={"projectName": "shop"})
        >>> known.changed(Kinds(flows=())).settings
        {'projectName': 'shop'}
    """

    settings: Mapping[str, Any] | None = None
    scripts: Scripts | None = None
    permissions: Permissions | None = None
    flows: tuple[FlowDefinition, ...] | None = None
    queries: tuple[SavedQuery, ...] | None = None

    def changed(self, loaded: Kinds) -> Kinds:
        """Give these, with what was loaded of some kinds in the place of what was known."""
        return msgspec.structs.replace(
            self, **{name: one for name, one in loaded.by_name() if one is not None}
        )

    def by_name(self) -> list[tuple[str, Any]]:
        """Give what there is of each kind, with the kind's name."""
        return [(name, getattr(self, name)) for name in self.__struct_fields__]


ALL_KINDS = frozenset(Kinds.__struct_fields__)
