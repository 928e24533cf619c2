"""Servers that go by a name: `[tool.enfyra.connections]` of pyproject.toml, or a file of one's own.

[tool.enfyra.connections]
production = "https://data.example.com"
test = {url = "http://localhost:1105", email = "ann@example.com"}
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from enfyra_kernel.errors import did_you_mean

from .client import ApiError
from .connection import checked

PROJECT = "pyproject.toml"
OWN = Path(".enfyra") / "config.toml"
_KEYS = ("url", "email")


@dataclass(frozen=True, slots=True)
class Address:
    """A server that goes by a name.

    Attributes:
        email: Who to log in as; None for whatever the environment says.
    """

    url: str
    email: str | None = None


def addresses(folder: Path | None = None, home: Path | None = None) -> Mapping[str, Address]:
    """Give the servers that are named in files; those of the project win over one's own.

    Args:
        folder: Where the project is, or a folder in it; the working directory if None.
        home: The home directory.

    Raises:
        ApiError: INVALID_CONFIGURATION for a file that cannot be read, INVALID_URL for an address
            with a secret in it.
    """
    here = (folder or Path.cwd()).resolve()
    own = (home or Path.home()) / OWN
    found = dict(_read(own, "connections"))
    for place in (here, *here.parents):
        file = place / PROJECT
        if file.is_file():
            return found | dict(_read(file, "tool", "enfyra", "connections"))
    return found


def _read(file: Path, *path: str) -> Iterator[tuple[str, Address]]:
    try:
        section: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise ApiError("INVALID_CONFIGURATION", f"{file} cannot be read as TOML") from None
    for name in path:
        section = section.get(name, {}) if isinstance(section, dict) else {}
    if not isinstance(section, dict):
        raise ApiError(
            "INVALID_CONFIGURATION", f"{'.'.join(path)} of {file} must hold names and addresses"
        )
    for name, given in cast("dict[str, Any]", section).items():
        yield name, _address(given, f"{name} of {file}")


def _address(given: Any, place: str) -> Address:
    known: dict[str, Any] = given if isinstance(given, dict) else {"url": given}
    for name in known:
        if name not in _KEYS:
            # A password does not belong there, whatever it is called.
            raise ApiError(
                "INVALID_CONFIGURATION",
                f"{place} has no '{name}'.{did_you_mean(name, _KEYS)}",
                hint="Secrets belong in ENFYRA_TOKEN or ENFYRA_PASSWORD, or are kept by "
                "`%enfyra login`",
            )
    url, email = known.get("url"), known.get("email")
    if not isinstance(url, str) or not isinstance(email, str | None):
        raise ApiError("INVALID_CONFIGURATION", f"{place} must be an address, or have a url")
    try:
        return Address(checked(url), email)
    except ApiError as error:
        raise ApiError(error.code, f"{place}: {error.message}", hint=error.hint) from None
