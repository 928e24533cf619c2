"""A widget that belongs to one server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..client import ApiError
from .part import Part

if TYPE_CHECKING:
    from ..magics.session import Session


class Connected(Part):
    """A widget that asks the server of the notebook.

    What it shows is of the server that the notebook was connected to when it was made: ids of one
    server mean something else on another, so that it does nothing there.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._server = session.client.url

    def answered(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Do what the face asks for, if the notebook is still connected to the same server."""
        try:
            here = self._session.client.url
        except ApiError as error:
            return {"answer": message.get("id"), "error": {"message": str(error)}}
        if here == self._server:
            return super().answered(message)
        said = f"The notebook is connected to {here} now, and this widget belongs to {self._server}"
        hint = "Run the cell again, or connect to that"
        return {"answer": message.get("id"), "error": {"message": said, "hint": hint}}
