"""Help that a cell shows as it is written."""

from __future__ import annotations

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import UsageError

from .arguments import COMMANDS, overview


class Help(str):
    """A text that shows itself without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def help_for(name: str | None) -> Help:
    """Give the help for one sub-command, or for all of them.

    Raises:
        UsageError: With the nearest name, if there is no such sub-command.
    """
    if name is None:
        return Help(overview())
    if name not in COMMANDS:
        raise UsageError(f"%enfyra has no '{name}'.{did_you_mean(name, COMMANDS)}")
    return Help(COMMANDS[name].parser().format_help().rstrip())
