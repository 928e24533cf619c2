"""Plans and commands made ready: pipelines are made anew for the values of each run."""

from __future__ import annotations

from functools import cached_property

from ...query.ast import Operator
from ...query.commands import Delete, Insert, Update
from ...query.plan import Comparison, Plan, Slot
from .needs import needs
from .pipeline.selections import joined


class MongoRead:
    """A Plan that is run again and again.

    Attributes:
        checked: The version of the catalog that is known to have all that the Plan reads.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.checked = -1

    @cached_property
    def needs(self) -> dict[str, set[str]]:
        """The columns that the Plan reads, by table."""
        return needs(self.plan)


class MongoWrite:
    """A command that is run again and again.

    Attributes:
        then_read: Reads what is given back by its keys, where the documents alone are not enough.
    """

    def __init__(self, command: Insert | Update | Delete) -> None:
        self.command = command
        selection = None if isinstance(command, Delete) else command.selection
        self.then_read: MongoRead | None = None
        if selection is not None and joined(selection):
            table = command.table
            self.then_read = MongoRead(
                Plan(
                    table=table,
                    selection=selection,
                    where=Comparison(table.key, Operator.IN, 0),
                    order=(),
                    slots=(Slot("id", table.key.type, Operator.IN, lambda value: value),),
                )
            )
