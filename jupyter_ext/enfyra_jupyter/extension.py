"""The extension of Jupyter Server: Enfyra's API below `{base_url}enfyra/`."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.settings import Settings
from jupyter_server.extension.application import ExtensionApp
from traitlets import Unicode

from .environment import NOTEBOOK_VARIABLES
from .mount.attached import Attached
from .mount.embedded import Embedded
from .mount.home import Home
from .mount.router import home_rule

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

MOUNT = "enfyra"
LOGGER = "enfyra"


class EnfyraApp(ExtensionApp):
    """Enfyra in a Jupyter Server.

    Without further ado it runs on a SQLite file in the working directory. All settings can be
    made by environment variables and in a file `.env`, as for the stand-alone server.
    """

    name = "enfyra"
    load_other_extensions = True

    db_uri = Unicode(
        "",
        help="The database: sqlite:///file.db, postgresql://... or mysql://... [DB_URI]",
    ).tag(config=True)
    url = Unicode(
        "",
        help="A central Enfyra server to attach to, instead of running one here. [ENFYRA_URL]",
    ).tag(config=True)

    home: Home

    def initialize_handlers(self) -> None:
        """Register the one rule; a list of handlers could not hold it."""
        web_app = cast("ServerApp", self.serverapp).web_app
        prefix = web_app.settings["base_url"].rstrip("/") + f"/{MOUNT}"
        self.home = self._make_home(prefix)
        web_app.settings["enfyra_home"] = self.home
        web_app.add_handlers(".*$", [home_rule(web_app, self.home, prefix)])

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Start, now that there is an event loop."""
        logger = logging.getLogger(LOGGER)
        logger.parent = self.log
        logger.setLevel(self.log.level)
        await self.home.start()

    async def stop_extension(self) -> None:
        """Close what is open."""
        await self.home.stop()
        logging.getLogger(LOGGER).parent = logging.getLogger()

    def _make_home(self, prefix: str) -> Home:
        try:
            settings = self.load_settings()
        except EnfyraError:
            # The kernel's own attempt to start tells what is wrong.
            return self._embedded(prefix)
        if settings.url is None:
            return self._embedded(prefix)
        token = settings.token.get_secret_value() if settings.token is not None else None
        return Attached(settings.url, token, prefix, self.log)

    def _embedded(self, prefix: str) -> Embedded:
        def address() -> str:
            # Its port is known only when the server has begun to listen.
            parts = urlsplit(cast("ServerApp", self.serverapp).connection_url)
            return f"{parts.scheme}://{parts.netloc}{prefix}"

        return Embedded(prefix, self.load_settings, self.log, address=address)

    def load_settings(self) -> Settings:
        """Read the environment and `.env`; the extension's own configuration wins.

        Raises:
            EnfyraError: CONFIGURATION_ERROR.
        """
        given = {"db_uri": self.db_uri, "url": self.url}
        return Settings.load(
            server_environment(os.environ), **{key: value for key, value in given.items() if value}
        )


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out what is meant for notebooks, whose kernels get the server's environment."""
    return {name: value for name, value in environment.items() if name not in NOTEBOOK_VARIABLES}
