"""Which packages may be installed for scripts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from ...errors import EnfyraError, nearest

# Pure Python, well kept, and about data; with what they need.
CURATED = (
    "babel",
    "croniter",
    "dnspython",
    "email-validator",
    "humanize",
    "idna",
    "inflection",
    "jmespath",
    "jsonpath-ng",
    "markdown",
    "mistune",
    "packaging",
    "phonenumbers",
    "ply",
    "python-dateutil",
    "python-slugify",
    "pytz",
    "semver",
    "shortuuid",
    "six",
    "text-unidecode",
    "tzdata",
    "xmltodict",
)

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_ENTRY = re.compile(r"([A-Za-z0-9*._-]+)\s*((?:[<>=!~]=?=?).*)?")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.+!-]*")
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A package as a row asks for it.

    Attributes:
        name: In the one form that all spellings of a name share.
        version: `latest`, or what versions will do, such as `==8.*`.
    """

    name: str
    version: str

    @property
    def requirement(self) -> str:
        """What pip is asked for.

        Example:
            >>> Wanted("phonenumbers", "==8.*").requirement, Wanted("six", "latest").requirement
            ('phonenumbers==8.*', 'six')
        """
        return self.name if self.version == LATEST else f"{self.name}{self.version}"


@dataclass(frozen=True, slots=True)
class _Entry:
    pattern: str
    versions: SpecifierSet

    def meets(self, name: str, version: str | None) -> bool:
        if not fnmatchcase(name, self.pattern):
            return False
        return version is None or self.versions.contains(version, prereleases=True)


class PackageAllowList:
    """The packages that may be installed for scripts.

    Args:
        entries: Each is a name, in which `*` stands for anything, perhaps with versions:
            `phonenumbers`, `phonenumbers==8.*`, `acme-*`. Without any, those of `CURATED`.

    Raises:
        EnfyraError: CONFIGURATION_ERROR when an entry is none of these.

    Example:
        >>> allowed = PackageAllowList(["acme-*", "phonenumbers==8.*"])
        >>> allowed.permits("acme-tools"), allowed.permits("phonenumbers", "9.0.1")
        (True, False)
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._entries = tuple(map(_parse, tuple(entries) or CURATED))

    def permits(self, name: str, version: str | None = None) -> bool:
        """Say whether a package may be installed, in that version if one is given."""
        folded = canonicalize_name(name)
        return any(entry.meets(folded, version) for entry in self._entries)

    def wanted(self, name: str, version: str | None, flags: str | None = None) -> Wanted:
        """Read what a row asks for.

        Args:
            version: `latest` (as None is), a version, or what versions will do: `>=1,<2`.

        Raises:
            EnfyraError: VALIDATION_ERROR when it makes no sense, or may not be installed.
        """
        if not _NAME.fullmatch(name):
            raise _invalid("name", f"'{name[:100]}' is not the name of a package")
        if flags:
            raise _invalid("flags", "packages are installed in one way only; leave `flags` empty")
        read = _version(version)
        if not self.permits(name):
            hint = self._nearest(name)
            raise _invalid("name", f"'{name}' may not be installed.{hint}")
        return Wanted(canonicalize_name(name), read)

    def _nearest(self, name: str) -> str:
        match = nearest(name, [entry.pattern for entry in self._entries])
        return f" Did you mean '{match}'?" if match is not None else ""


def _version(version: str | None) -> str:
    text = (version or LATEST).strip()
    if text.lower() == LATEST:
        return LATEST
    if _VERSION.fullmatch(text):
        text = f"=={text}"
    try:
        if not text.startswith("==="):
            return str(SpecifierSet(text))
    except InvalidSpecifier:
        pass
    raise _invalid("version", f"'{text[:100]}' is none, such as 'latest', '1.2.3' or '>=1,<2'")


def _parse(text: str) -> _Entry:
    found = _ENTRY.fullmatch(text.strip())
    if found is not None:
        try:
            return _Entry(canonicalize_name(found[1]), SpecifierSet(found[2] or ""))
        except InvalidSpecifier:
            pass
    raise EnfyraError(
        "CONFIGURATION_ERROR",
        f"ENFYRA_PACKAGE_ALLOW: {text!r} is no name of a package, with or without versions",
    )


def _invalid(field: str, problem: str) -> EnfyraError:
    return EnfyraError(
        "VALIDATION_ERROR",
        problems=[f"{field}: {problem}"],
        details={"field": field},
        hint="ENFYRA_PACKAGE_ALLOW lists what may be installed" if field == "name" else None,
    )
