"""Environment variables that notebooks read; the server's own are in `enfyra_kernel.settings`."""

from __future__ import annotations

URL = "ENFYRA_URL"
TOKEN = "ENFYRA_TOKEN"  # noqa: S105 - a name
EMAIL = "ENFYRA_EMAIL"
PASSWORD = "ENFYRA_PASSWORD"  # noqa: S105 - a name
QUICKSTART_ROWS = "ENFYRA_QUICKSTART_ROWS"

NOTEBOOK_VARIABLES = frozenset({EMAIL, PASSWORD, QUICKSTART_ROWS})
