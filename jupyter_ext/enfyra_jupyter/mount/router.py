"""Which way a request takes below the mount point: past Jupyter, or through it."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import PathMatches, Router, Rule
from tornado.web import Application

from .handler import ACTIVITY, POLLED, EnfyraHandler
from .home import Home


class HomeRouter(Router):
    """Sends each request on its way."""

    # Jupyter looks through a target's methods for ones without authentication. Here it is one
    # for all methods, in the handler's `prepare`.
    SUPPORTED_METHODS = ()

    def __init__(self, application: Application, home: Home, prefix: str) -> None:
        self._application = application
        self._home = home
        self._prefix = prefix

    def find_handler(self, request: HTTPServerRequest, **_: Any) -> HTTPMessageDelegate | None:
        """Give what takes a request."""
        shortcut = self._home.shortcut(request)
        if shortcut is not None:
            if request.path[len(self._prefix) :] not in POLLED:
                settings: MutableMapping[str, Any] = self._application.settings
                settings[ACTIVITY] = datetime.now(UTC)
            return shortcut
        return self._application.get_handler_delegate(
            request, EnfyraHandler, {"home": self._home, "prefix": self._prefix}
        )


def home_rule(application: Application, home: Home, prefix: str) -> Rule:
    """Give the rule for everything below a mount point."""
    matcher = PathMatches(re.escape(prefix) + "(?:/.*)?")
    return Rule(matcher, HomeRouter(application, home, prefix))
