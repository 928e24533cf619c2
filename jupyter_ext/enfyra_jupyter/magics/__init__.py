"""The magic `%enfyra`: one word, and sub-commands behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)

from ..client import ApiError
from ..display import visible
from ..versions import apart
from . import (
    accessing,
    adopting,
    clicking,
    connecting,
    defining,
    dropping,
    exploring,
    failing,
    filing,
    flow_history,
    flowing,
    gridding,
    logging_in,
    profiling,
    querying,
    saving,
    scripting,
)
from .arguments import manual, parse
from .completion import MATCHER, Completer
from .help import help_for
from .pointing import pointed
from .session import Session

if TYPE_CHECKING:
    from argparse import Namespace

    from IPython.core.interactiveshell import InteractiveShell

NAME = "enfyra"
INTERRUPTED = "Interrupted; the server stops working on it, and keeps what it has finished"

_FINDING = frozenset({"query", "sql"})
_WRITTEN = {"hook": scripting.hook, "handler": scripting.handler, "flow": flowing.flow}
_SHOWING = {
    "connect": connecting.connect_to,
    "connections": connecting.show_connections,
    "use": connecting.use,
    "close": connecting.close,
    "last-error": failing.last_error,
    "status": exploring.show_status,
    "tables": exploring.list_tables,
    "describe": exploring.describe,
    "routes": exploring.list_routes,
    "erd": exploring.draw,
    "open": exploring.show_links,
    "grid": gridding.grid,
    "drop": dropping.drop,
    "adopt": adopting.adopt,
    "export": filing.export,
    "diff": filing.diff,
    "apply": filing.apply,
    "profile": profiling.profile,
    "plot": profiling.plot,
    "queries": saving.show,
    "run": flowing.run,
    "runs": flow_history.runs,
    "logs": flow_history.logs,
    "timeline": flow_history.timeline,
    "schedule": flow_history.schedule,
    "cancel": flow_history.cancel,
    "login": logging_in.login,
    "token": logging_in.token,
    "users": accessing.list_users,
    "roles": accessing.list_roles,
    "can": accessing.can,
    "grant": accessing.grant,
    "revoke": accessing.revoke,
    "access": accessing.show_matrix,
    "design": clicking.design,
    "build": clicking.build,
    "pick": clicking.pick,
    "studio": clicking.studio,
    "board": clicking.board,
}


@magics_class
class EnfyraMagics(Magics):
    """Holds the session of one notebook, and does what its cells say."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.session = Session()
        self.completer = Completer(self.session, shell)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic(NAME)
    def enfyra(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """Tables, queries and data of an Enfyra server; see `manual`."""
        try:
            command, given = parse(line, has_body=cell is not None)
            with connecting.on(self.session, getattr(given, "on", None)):
                return self._do(command.name, given, cell, local_ns or {})
        except ApiError as error:
            self.session.last_error = error
            # One paragraph; the API's own errors need no traceback through our code.
            fitting = apart(self.session.server_version)
            said = f"{error} {fitting}." if fitting else str(error)
            raise UsageError(visible(pointed(said, line, cell, error.details))) from error
        except UsageError as error:
            self.session.last_error = error
            raise UsageError(visible(pointed(str(error), line, cell))) from error.__cause__
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            fitting = apart(self.session.server_version)
            if not fitting:
                # A mistake of ours, whose place a traceback tells.
                raise
            self.session.last_error = error
            raise UsageError(f"The server's answer cannot be understood. {fitting}") from error
        except KeyboardInterrupt:
            # The connection has been closed, by which the server knows.
            raise UsageError(INTERRUPTED) from None

    enfyra.__doc__ = manual()

    def _do(self, name: str, given: Namespace, cell: str | None, local: dict[str, Any]) -> Any:
        if name == "help":
            return help_for(given.command)
        if name == "table":
            return defining.define(self.session, given, cell or "")
        user: dict[str, Any] = self.shell.user_ns
        variables = {**user, **local}
        if name in _FINDING:
            return querying.query(self.session, given, cell, user, variables)
        if name == "push":
            # Arrow takes longer to import than all else.
            from . import pushing

            return pushing.push(self.session, given, variables)
        if name in _WRITTEN:
            return _WRITTEN[name](self.session, given, cell)
        return _SHOWING[name](self.session, given)


def load(shell: InteractiveShell) -> None:
    """Register the magic and its completion; once is enough."""
    if _registered(shell) is not None:
        return
    magics = EnfyraMagics(shell)
    shell.register_magics(magics)
    shell.Completer.custom_matchers.append(magics.completer.matcher)


def unload(shell: InteractiveShell) -> None:
    """Take the magic and its completion away, and close the connection."""
    magics = _registered(shell)
    if magics is None:
        return
    magics.session.end()
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(NAME, None)
    shell.magics_manager.registry.pop(type(magics).__name__, None)
    matchers = shell.Completer.custom_matchers
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != MATCHER]


def _registered(shell: InteractiveShell) -> EnfyraMagics | None:
    found = shell.magics_manager.registry.get(EnfyraMagics.__name__)
    return found if isinstance(found, EnfyraMagics) else None
