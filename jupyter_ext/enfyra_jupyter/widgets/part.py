"""What every widget is: a face in JavaScript, actions that it asks for, and a text without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

import anywidget
from IPython.core.error import UsageError

from ..client import ApiError
from ..display import visible, wrapped

_VIEW = "application/vnd.jupyter.widget-view+json"
_MARK = "enfyra_action"


def action(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a face ask for a method: `ask("rows", {first: 0})` calls `rows(first=0)`.

    What it gives must be JSON; an ApiError or UsageError is shown in the widget.
    """
    setattr(method, _MARK, True)
    return method


class Part(anywidget.AnyWidget):
    """A widget of ours.

    A subclass names its `face`, a file in `faces/`, and marks what it answers with `action`.
    Nothing is loaded from another host: the face is part of the package.

    Attributes:
        face: The name of its JavaScript, without the ending; CSS that belongs to a file is named
            as that is.
        faces: The names of files that its JavaScript is made of beside that one, in their order.
        keeps: The names of traits that live on when its cell runs again.

    Example:
        >>> class Greeting(Part):
        ...     face = "common"
        ...
        ...     @action
        ...     def greet(self, name):
        ...         return f"Hello {name}"
        >>> Greeting().answered({"id": 1, "action": "greet", "given": {"name": "Ann"}})
        {'answer': 1, 'value': 'Hello Ann'}
    """

    face: ClassVar[str]
    faces: ClassVar[tuple[str, ...]] = ()
    keeps: ClassVar[tuple[str, ...]] = ()
    _actions: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **options: Any) -> None:
        if "face" in cls.__dict__:
            cls._esm = "\n".join(_read(f"{one}.js") for one in ("common", *cls.faces, cls.face))
            cls._css = "".join(
                _read(f"{one}.css") for one in dict.fromkeys(("common", *cls.faces, cls.face))
            )
        super().__init_subclass__(**options)
        marked = frozenset(name for name, value in vars(cls).items() if hasattr(value, _MARK))
        cls._actions = cls._actions | marked

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._asked)

    def close(self) -> None:
        """Close it, with the model of its layout, which would be left behind."""
        layout = self.layout
        super().close()
        layout.close()

    # -- what the face asks for -----------------------------------------------------------------

    def _asked(self, _: object, message: Any, __: object) -> None:
        if not isinstance(message, Mapping) or "action" not in message:
            return
        try:
            answer = self.answered(message)
        except Exception as error:
            # The face would wait for ever; the traceback is in the notebook's log.
            said = f"The widget has failed: {type(error).__name__}: {error}"
            self.send({"answer": message.get("id"), "error": {"message": said}})
            raise
        self.send(answer)

    def answered(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Do what the face asks for; give the answer, which may be an error."""
        answer: dict[str, Any] = {"answer": message.get("id")}
        name = message["action"]
        if name not in self._actions:
            return answer | {"error": {"message": "This widget is of another version"}}
        try:
            return answer | {"value": getattr(self, name)(**message.get("given", {}))}
        except ApiError as error:
            said = {"code": error.code, "message": error.message, "hint": error.hint}
            return answer | {"error": said | {"details": error.details}}
        except UsageError as error:
            return answer | {"error": {"message": str(error)}}

    # -- how it is shown ------------------------------------------------------------------------

    def text(self) -> str:
        """Give it as plain text, for terminals and saved notebooks."""
        raise NotImplementedError

    def html(self) -> str:
        """Give it as HTML that does nothing, for where there are no widgets."""
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"

    def __repr__(self) -> str:
        return visible(self.text())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"text/plain": repr(self), "text/html": wrapped(self.html()), _VIEW: view}


@cache
def _read(name: str) -> str:
    file = files(__package__).joinpath("faces", name)
    return file.read_text("utf-8") if name.endswith(".js") or file.is_file() else ""
