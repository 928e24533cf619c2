"""Logins that are kept on this machine: in the system's keyring, or else in a file of one's own."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jupyter_core.paths import jupyter_config_dir

from .client import ApiError

SERVICE = "enfyra"
FILE = "enfyra-logins.json"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Kept(NamedTuple):
    """A login that is kept.

    Attributes:
        token: An API token, which needs no renewing, so that several kernels can share it.
        id: The token's id, by which it can be revoked.
    """

    email: str
    token: str
    id: str

    def __repr__(self) -> str:
        return f"Kept({self.email!r}, ***)"


class Keeper:
    """Keeps a login for each server.

    Args:
        folder: Where the file is, if there is no keyring; Jupyter's folder of settings if None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or Path(jupyter_config_dir())) / FILE

    def get(self, url: str) -> Kept | None:
        """Give the login for a server; None if none is kept.

        Raises:
            ApiError: INSECURE_FILE if others can read the file.
        """
        text = _from_keyring(url) or self._read().get(url)
        try:
            return Kept(**json.loads(text)) if text is not None else None
        except (ValueError, TypeError):
            return None

    def put(self, url: str, kept: Kept) -> str:
        """Keep a login; say where."""
        text = json.dumps(kept._asdict())
        if _to_keyring(url, text):
            self._write({name: one for name, one in self._read().items() if name != url})
            return "the system's keyring"
        self._write({**self._read(), url: text})
        return str(self._path)

    def drop(self, url: str) -> bool:
        """Keep a login no longer; say whether one was kept."""
        known = self.get(url) is not None
        _out_of_keyring(url)
        self._write({name: one for name, one in self._read().items() if name != url})
        return known

    # -- the file -------------------------------------------------------------------------------

    def _read(self) -> dict[str, str]:
        try:
            with self._path.open(encoding="utf-8") as file:
                if os.name != "nt" and os.fstat(file.fileno()).st_mode & _OTHERS:
                    raise ApiError(
                        "INSECURE_FILE",
                        f"Others can read {self._path}, which holds logins",
                        hint=f"chmod 600 {self._path}",
                    )
                content: Any = json.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            raise ApiError(
                "INSECURE_FILE", f"{self._path} cannot be read", hint="Delete it"
            ) from None
        return dict(content) if isinstance(content, Mapping) else {}

    def _write(self, content: Mapping[str, str]) -> None:
        if content:
            write_privately(self._path, json.dumps(content))
        else:
            self._path.unlink(missing_ok=True)


def write_privately(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a file that nobody else can read, at no moment.

    Raises:
        FileExistsError: It is there already, and is not to be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path.with_name(f".{path.name}.{os.getpid()}") if replace else path
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    if replace:
        target.replace(path)


# -- the keyring ----------------------------------------------------------------------------------


def _keyring() -> Any:
    """Give the keyring; None where it is not installed, or there is none behind it."""
    try:
        import keyring
        from keyring.backends.fail import Keyring
    except ImportError:
        return None
    return None if isinstance(keyring.get_keyring(), Keyring) else keyring


def _from_keyring(url: str) -> str | None:
    keyring = _keyring()
    if keyring is None:
        return None
    try:
        found: str | None = keyring.get_password(SERVICE, url)
    except keyring.errors.KeyringError:
        return None
    return found


def _to_keyring(url: str, text: str) -> bool:
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(SERVICE, url, text)
    except keyring.errors.KeyringError:
        # It is locked, or nobody is there to open it.
        return False
    return True


def _out_of_keyring(url: str) -> None:
    keyring = _keyring()
    if keyring is None:
        return
    try:
        keyring.delete_password(SERVICE, url)
    except keyring.errors.KeyringError:
        return
