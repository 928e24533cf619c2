"""Database addresses: parsed once, never shown with their password."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from .errors import did_you_mean

_ENGINES = {
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mongodb": "mongodb",
}
# Engines whose replicas have addresses of their own.
_REPLICATED = ("postgresql", "mysql")
_DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306, "sqlite": 0, "mongodb": 27017}
# What MongoDB takes in no name of a database.
_NOT_IN_MONGODB = frozenset('/\\. "$*<>:|?')
_ENCODE_HINT = "URL-encode special characters of the password (@ is %40, : is %3A, / is %2F)"


def split_address(text: str) -> SplitResult:
    """Split an address; a ValueError says what is wrong without repeating any of it.

    Example:
        >>> split_address("redis://cache:6379/0").hostname
        'cache'
    """
    if any(char < " " for char in text):
        # urlsplit would drop some of them without a word.
        raise ValueError(f"has a control character in it. {_ENCODE_HINT}")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError(f"is malformed before the path. {_ENCODE_HINT}") from None
    try:
        _ = parts.port
    except ValueError:
        raise ValueError(f"has a port that is not a number. {_ENCODE_HINT}") from None
    return parts


@dataclass(frozen=True, slots=True)
class DatabaseUri:
    """One database's address.

    Attributes:
        engine: `sqlite`, `postgresql`, `mysql` (which MariaDB is, too) or `mongodb`.
        host: The host; of MongoDB all hosts with their ports, and `port` is that of the first.
        database: The database's name; for SQLite the path of the file.
        srv: Whether the hosts of a MongoDB are found in the DNS, under `host`.

    Example:
        >>> DatabaseUri.parse("postgresql://ann:p%40ss@db.local/shop")
        DatabaseUri('postgresql://ann:***@db.local:5432/shop')
        >>> DatabaseUri.parse("sqlite:///data/shop.db").path.name
        'shop.db'
    """

    engine: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    options: Mapping[str, str]
    srv: bool = False

    @classmethod
    def parse(cls, text: str) -> DatabaseUri:
        """Read an address; a ValueError says what is wrong without repeating the password."""
        scheme, separator, rest = text.partition("://")
        name = scheme.partition("+")[0]
        engine = _ENGINES.get(name)
        known = ", ".join(_ENGINES)
        if not separator:
            raise ValueError(f"needs the form engine://...: engines are {known}")
        if engine is None:
            # Anything but letters is not a mistyped engine; it may be a misplaced password.
            shown = f" '{name}'.{did_you_mean(name, _ENGINES)}" if name.isalpha() else "."
            raise ValueError(f"has an unknown engine{shown} Known are {known}")
        if engine == "sqlite":
            uri = cls._parse_sqlite(rest)
        elif engine == "mongodb":
            uri = cls._parse_mongodb(scheme, rest)
        else:
            uri = cls._parse_server(engine, text, rest)
        if "\0" in uri.database:
            raise ValueError("has a NUL character in the name of the database")
        return uri

    @classmethod
    def _parse_sqlite(cls, rest: str) -> DatabaseUri:
        path, _, query = rest.partition("?")
        if not path.startswith("/") or path in {"/", "/:memory:"}:
            raise ValueError("needs a file: sqlite:///relative/path.db or sqlite:////absolute.db")
        return cls("sqlite", "", 0, "", "", unquote(path[1:]), dict(parse_qsl(query)))

    @classmethod
    def _parse_server(cls, engine: str, text: str, rest: str) -> DatabaseUri:
        authority = rest.partition("/")[0]
        if authority.count("@") > 1:
            raise ValueError(f"has more than one @ before the host. {_ENCODE_HINT}")
        parts = split_address(text)
        database = unquote(parts.path.lstrip("/"))
        if not parts.hostname:
            raise ValueError(f"names no host. {_ENCODE_HINT}")
        if not database or "/" in database:
            raise ValueError(
                f"names no database: {engine}://user:password@host/database. {_ENCODE_HINT}"
            )
        if parts.fragment:
            raise ValueError(f"has a # in it. {_ENCODE_HINT}")
        return cls(
            engine,
            parts.hostname,
            parts.port or _DEFAULT_PORTS[engine],
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            database,
            dict(parse_qsl(parts.query)),
        )

    @classmethod
    def _parse_mongodb(cls, scheme: str, rest: str) -> DatabaseUri:
        """Read an address that may name several hosts, which each is read like one."""
        authority, _, behind = rest.partition("/")
        user, at, hosts = authority.rpartition("@")
        first = None
        for number, host in enumerate(hosts.split(",")):
            prefix = f"{user}@" if at and not number else ""
            one = cls._parse_server("mongodb", f"mongodb://{prefix}{host}/{behind}", rest)
            first = first or one
        if first is None or not _NOT_IN_MONGODB.isdisjoint(first.database):
            raise ValueError("has a database whose name MongoDB does not take")
        return replace(first, host=hosts, srv=scheme.endswith("+srv"))

    @property
    def path(self) -> Path:
        """The file of an SQLite database, absolute."""
        return Path(self.database).expanduser().absolute()

    @property
    def redacted(self) -> str:
        """The address as it may be shown to anybody."""
        if self.engine == "sqlite":
            return f"sqlite:///{self.database}"
        user = self.user + (":***" if self.password else "") + ("@" if self.user else "")
        if self.engine == "mongodb":
            scheme = "mongodb+srv" if self.srv else "mongodb"
            return f"{scheme}://{user}{self.host}/{self.database}"
        return f"{self.engine}://{user}{self.host}:{self.port}/{self.database}"

    def __repr__(self) -> str:
        return f"DatabaseUri({self.redacted!r})"


def check_replicas(primary: DatabaseUri, replicas: Sequence[DatabaseUri]) -> None:
    """Make sure that addresses can be those of a primary and its replicas.

    A ValueError says what is wrong without repeating a password.
    """
    seen = {_place(primary)}
    for replica in replicas:
        if primary.engine not in _REPLICATED:
            raise ValueError(
                f"has no meaning for {primary.engine}; read replicas are for PostgreSQL and MariaDB"
            )
        if replica.engine != primary.engine:
            raise ValueError(
                f"names {replica.redacted}, but DB_URI is of the engine {primary.engine}; "
                "a replica is of the same"
            )
        if _place(replica) == _place(primary):
            raise ValueError(
                f"names {replica.redacted}, which is DB_URI itself; "
                "with DB_READ_FROM_MASTER=true the primary takes its turn"
            )
        if _place(replica) in seen:
            raise ValueError(f"names {replica.redacted} twice")
        seen.add(_place(replica))


def _place(uri: DatabaseUri) -> tuple[str, int, str]:
    return uri.host.lower(), uri.port, uri.database
