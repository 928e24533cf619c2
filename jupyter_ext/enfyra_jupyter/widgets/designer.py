"""The table designer: a table as a form, with what its change would do, and the change itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets
from enfyra_kernel.metadata.types import ColumnType, OnDelete, RelationKind, RuleType

from ..client import ApiError
from ..magics.defining import PATH, differences, quiet_differences, warnings_of
from ..schema import Schema
from .connected import Connected
from .drafts import EMPTY_COLUMN, EMPTY_RELATION, cell_of, draft_of, payload_of
from .part import action
from .problems import problems_of

if TYPE_CHECKING:
    from ..magics.session import Session

_CONFIRM = frozenset({"SCHEMA_CONFIRMATION_REQUIRED", "SCHEMA_CONFIRMATION_MISMATCH"})
_GONE = "RESOURCE_NOT_FOUND"
_WRONG = "VALIDATION_ERROR"
_UNPROCESSABLE = 422
_CHOICES: Mapping[str, Any] = {
    "types": [one.value for one in ColumnType],
    "kinds": [one.value for one in RelationKind if one is not RelationKind.ONE_TO_MANY],
    "onDelete": [one.value for one in OnDelete],
    "rules": [one.value for one in RuleType],
    "relationRules": [RuleType.MIN_ITEMS.value, RuleType.MAX_ITEMS.value],
    "column": EMPTY_COLUMN,
    "relation": EMPTY_RELATION,
}


class Designer(Connected):
    """A table as a form.

    Attributes:
        base: The table as the server has it.
        draft: What has been written into the form; empty while nothing has.
    """

    face: ClassVar[str] = "designer"
    keeps: ClassVar[tuple[str, ...]] = ("draft",)
    base = traitlets.Dict().tag(sync=True)
    draft = traitlets.Dict().tag(sync=True)
    choices = traitlets.Dict().tag(sync=True)

    def __init__(self, session: Session, table: str = "") -> None:
        super().__init__(session)
        self._load(table)

    def _load(self, name: str) -> Schema:
        schema = self._session.schema()
        self.choices = {**_CHOICES, "tables": [*map(_named, schema.own), *_system(schema)]}
        self.base = draft_of(schema.tables.get(name), name)
        return schema

    @action
    def preview(self, draft: Mapping[str, Any]) -> dict[str, Any]:
        """Say what a draft would change, or what is wrong with it, and by which field."""
        said: dict[str, Any] = {"cell": cell_of(draft), "lines": [], "losses": [], "problems": []}
        try:
            return said | self._previewed(draft)
        except ApiError as error:
            if error.code == _GONE and draft["id"] is not None:
                return said | {"gone": f"The table '{draft['was']}' is not there any more"}
            if error.status != _UNPROCESSABLE and error.code != _WRONG:
                raise
            return said | {"problems": problems_of(error.message, draft)}

    def _previewed(self, draft: Mapping[str, Any]) -> dict[str, Any]:
        payload = payload_of(draft)
        if draft["id"] is None:
            preview = self._session.client.post(PATH, payload, preview=True)["data"][0]
            return {"lines": differences(preview), "changes": True, "hash": None}
        path = f"{PATH}/{draft['id']}"
        preview = self._session.client.patch(path, payload, preview=True)["data"][0]
        lines = differences(preview)
        table = self._session.glance().tables.get(draft["was"])
        if table is not None:
            lines += [one for one in quiet_differences(table, payload) if one not in lines]
        return {
            "lines": [*lines, *warnings_of(preview)],
            "changes": bool(lines) or preview["schemaChanged"],
            "losses": preview["losses"],
            "hash": preview["requiredConfirmHash"] if preview["isDestructive"] else None,
        }

    @action
    def apply(self, draft: Mapping[str, Any], confirm: str | None = None) -> dict[str, Any]:
        """Make the change; what can lose data needs the hash that the preview gave."""
        payload = payload_of(draft)
        client = self._session.client
        try:
            if draft["id"] is None:
                client.post(PATH, payload)
            else:
                client.patch(f"{PATH}/{draft['id']}", payload, schemaConfirmHash=confirm)
        except ApiError as error:
            if error.code in _CONFIRM:
                # Rows have come in since, or somebody has changed the table.
                return {"losses": error.details["losses"], "again": True}
            raise
        schema = self._load(payload["name"])
        self.draft = {}
        table = schema.tables[payload["name"]]
        return {"live": f"{client.links}{table.path}", "name": payload["name"]}

    @action
    def reload(self) -> None:
        """Throw the draft away, and show the table as it is."""
        self._load(self.base["was"] or self.base["name"])
        self.draft = {}

    def text(self) -> str:
        """Give the cell that defines it."""
        if self.base["was"] is None and not self.base["name"]:
            return "%%enfyra table NAME defines a table; the designer needs a notebook with widgets"
        return cell_of(self.draft or self.base)


def _named(table: Any) -> str:
    return str(table.name)


def _system(schema: Schema) -> list[str]:
    return [name for name, table in schema.tables.items() if table.is_system]
