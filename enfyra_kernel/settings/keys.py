"""Keys that a SQLite database has beside it, in files that only their owner may read."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path


def key_beside(database: Path, ending: str) -> str:
    """Give the key in the file with the database's name and an ending; make it at first use."""
    path = database.with_name(database.name + ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Only its owner may read what mkstemp makes.
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    draft = Path(name)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        # A link is made whole or not at all: two processes starting at once agree on one key.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()
