"""`%load_ext`, without what `%enfyra` takes: that is imported when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleMatcherResult, context_matcher
from IPython.core.magic import needs_local_scope, no_var_expand

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

NAME = "enfyra"
_STANDING_IN = "enfyra.standing_in"


class _StandIn:
    """What is called in the place of the magic until it is there."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell

    def __call__(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        return _whole(self._shell)(line, cell, local_ns)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """What `%enfyra?` shows."""
        from .magics.arguments import manual

        return manual()


def load(shell: InteractiveShell) -> None:
    """Register a magic that stands in for the whole one; once is enough."""
    if NAME in shell.magics_manager.magics["line"]:
        return

    @context_matcher(identifier=_STANDING_IN)  # type: ignore[untyped-decorator]
    def matcher(context: CompletionContext) -> SimpleMatcherResult:
        if f"%{NAME}" not in context.full_text:
            return {"completions": [], "matched_fragment": "", "suppress": False}
        _whole(shell)
        return shell.Completer.custom_matchers[-1](context)

    shell.register_magic_function(
        no_var_expand(needs_local_scope(_StandIn(shell))), "line_cell", NAME
    )
    shell.Completer.custom_matchers.append(matcher)


def unload(shell: InteractiveShell) -> None:
    """Take the magic away, the whole one or what stands in for it."""
    from .magics import unload as unload_whole

    unload_whole(shell)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(NAME, None)
    _stand_down(shell)


def _whole(shell: InteractiveShell) -> Callable[..., Any]:
    """Put the whole magic in the place of what stands in for it, and give it."""
    from .magics import load as load_whole

    _stand_down(shell)
    load_whole(shell)
    return shell.magics_manager.magics["line"][NAME]


def _stand_down(shell: InteractiveShell) -> None:
    matchers = shell.Completer.custom_matchers
    matchers[:] = [
        one for one in matchers if getattr(one, "matcher_identifier", "") != _STANDING_IN
    ]
