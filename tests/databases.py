"""Fresh databases for tests, quickly: each engine's system tables are installed once and copied."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from enfyra_kernel.kernel import Kernel
from enfyra_kernel.settings import Settings

ADMIN_EMAIL = "admin@enfyra.local"
ADMIN_PASSWORD = "secret"
SECRET_KEY = "a key that is only good for tests"
ENCRYPTION_KEY = "another key that is only good for tests"
SQL_ENGINES = ("sqlite", "postgresql", "mysql")
ENGINES = (*SQL_ENGINES, "mongodb")


def settings(uri: str, **more: Any) -> Settings:
    """Give the settings for a database of the tests."""
    return Settings.load(
        {},
        dotenv=None,
        db_uri=uri,
        admin_email=ADMIN_EMAIL,
        admin_password=ADMIN_PASSWORD,
        **{
            "secret_key": SECRET_KEY,
            "encryption_keys": ENCRYPTION_KEY,
            "port": 0,
            # Often enough for those who wait for it; most tests never need it.
            "refresh_interval": 0.3,
            # On a busy machine changes take their time.
            "schema_lock_wait": 60,
            # Thousands of logins are not to be the tests' main work.
            "password_memory": 32,
            "password_passes": 1,
            # All tests come from one address.
            "login_attempts_per_ip": 0,
            # To start two more takes longer than most scripts of a test.
            "script_workers": 1,
            **more,
        },
    )


def install(uri: str) -> None:
    """Start a kernel once, so that the database has its system tables and its administrator."""

    async def start() -> None:
        async with Kernel(settings(uri)):
            pass

    asyncio.run(start())


class SqliteDatabases:
    """Copies of one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.db"

    def empty(self) -> str:
        return f"sqlite:///{self._folder / uuid.uuid4().hex}.db"

    def fresh(self) -> str:
        if not self._template.exists():
            install(f"sqlite:///{self._template}")
            with sqlite3.connect(self._template) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        uri = self.empty()
        shutil.copy(self._template, uri.removeprefix("sqlite:///"))
        return uri

    def execute(self, uri: str, text: str) -> None:
        """Run statements as another program would."""
        with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
            connection.executescript(text)

    def schema(self, uri: str) -> str:
        """Give all statements that the database's schema was made by."""
        with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as connection:
            query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
            return "\n".join(map(repr, connection.execute(query)))

    def drop(self, uri: str) -> None:
        for path in self._folder.glob(Path(uri.removeprefix("sqlite:///")).name + "*"):
            path.unlink()


class ServerDatabases:
    """Databases of one server."""

    _url: str

    def _run(self, text: str) -> None:
        raise NotImplementedError

    def _uri(self, name: str) -> str:
        return self._url.rpartition("/")[0] + "/" + name

    def empty(self) -> str:
        name = f"t{uuid.uuid4().hex[:16]}"
        self._run(f"CREATE DATABASE {name}")
        return self._uri(name)


class PostgresqlDatabases(ServerDatabases):
    """Databases made of a template."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._template: str | None = None

    def _run(self, *statements: str) -> None:
        import asyncpg

        async def run() -> None:
            connection = await asyncpg.connect(self._url)
            for statement in statements:
                await connection.execute(statement)
            await connection.close()

        asyncio.run(run())

    def fresh(self) -> str:
        if self._template is None:
            uri = self.empty()
            install(uri)
            self._template = uri.rpartition("/")[2]
        name = f"t{uuid.uuid4().hex[:16]}"
        # Files are copied sooner than the log of all their pages is written.
        self._run(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY = FILE_COPY")
        return self._uri(name)

    def execute(self, uri: str, text: str) -> None:
        """Run statements as another program would."""
        PostgresqlDatabases(uri)._run(text)

    def schema(self, uri: str) -> str:
        """Give the statements that make the database's schema."""
        command = ["pg_dump", "--schema-only", "--no-owner", uri]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        # Newer versions guard what they write by a word that differs each time.
        return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)

    def drop(self, uri: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {uri.rpartition('/')[2]} WITH (FORCE)")


class MysqlDatabases(ServerDatabases):
    """Databases made of a dump; those that were used are put back into their first state.

    To make forty tables takes longer than most tests. What others would find changed is found by
    checksums and the server's own catalogue; a database whose system tables look otherwise is
    thrown away.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        self._client = [
            "-h127.0.0.1", f"-P{parts.port}", "-uenfyra", "-pp@ss", "--protocol=tcp",
        ]  # fmt: skip
        self._dump: bytes | None = None
        self._template = ""
        self._first: Any = None
        self._used: list[str] = []
        self._given: set[str] = set()

    def _run(self, text: str | bytes, database: str = "") -> None:
        data = text if isinstance(text, bytes) else text.encode()
        command = ["mariadb", "--no-defaults", *self._client, *([database] if database else [])]
        subprocess.run(command, input=data, check=True, capture_output=True)

    def fresh(self) -> str:
        if self._dump is None:
            uri = self.empty()
            install(uri)
            self._template = uri.rpartition("/")[2]
            command = ["mariadb-dump", "--no-defaults", *self._client, self._template]
            self._dump = subprocess.run(command, check=True, capture_output=True).stdout
            self._first = asyncio.run(self._looks(self._template))
        while self._used:
            uri = self._used.pop()
            if asyncio.run(self._reset(uri.rpartition("/")[2])):
                return uri
            self._drop(uri)
        uri = self.empty()
        self._run(self._dump, uri.rpartition("/")[2])
        self._given.add(uri)
        return uri

    @asynccontextmanager
    async def _cursor(self) -> AsyncIterator[Any]:
        import asyncmy

        parts = urlsplit(self._url)
        connection = await asyncmy.connect(
            host="127.0.0.1", port=parts.port, user="enfyra", password="p@ss", autocommit=True
        )
        async with connection.cursor() as cursor:
            yield cursor
        await connection.ensure_closed()

    async def _looks(self, name: str) -> Any:
        async with self._cursor() as cursor:
            return await _catalogue(cursor, name)

    async def _reset(self, name: str) -> bool:
        """Put a database back; say whether that could be done."""
        async with self._cursor() as cursor:
            await cursor.execute("SET FOREIGN_KEY_CHECKS = 0")
            await cursor.execute(
                "SELECT table_name, table_type FROM information_schema.tables "
                "WHERE table_schema = %s", (name,)
            )  # fmt: skip
            for table, kind in await cursor.fetchall():
                if table not in self._first.rows:
                    what = "VIEW" if "VIEW" in kind else "TABLE"
                    quoted = table.replace("`", "``")
                    await cursor.execute(f"DROP {what} `{name}`.`{quoted}`")
            now = await _catalogue(cursor, name)
            if now.shape != self._first.shape:
                return False
            for table, rows in self._first.rows.items():
                if now.rows.get(table) != rows:
                    await cursor.execute(f"TRUNCATE `{name}`.`{table}`")
                    await cursor.execute(
                        f"INSERT INTO `{name}`.`{table}` SELECT * FROM `{self._template}`.`{table}`"
                    )
            return True

    def execute(self, uri: str, text: str) -> None:
        """Run statements as another program would."""
        self._run(f"SET sql_mode = 'ANSI_QUOTES';\n{text}", uri.rpartition("/")[2])

    def schema(self, uri: str) -> str:
        """Give the statements that make the database's schema."""
        options = ["--no-data", "--skip-comments", "--force", "--routines", "--events"]
        command = ["mariadb-dump", "--no-defaults", *self._client, *options]
        done = subprocess.run(
            [*command, uri.rpartition("/")[2]], check=False, capture_output=True, text=True
        )
        # What counts up does so with the rows.
        return re.sub(r" AUTO_INCREMENT=\d+", "", done.stdout)

    def drop(self, uri: str) -> None:
        if uri in self._given:
            self._used.append(uri)
        else:
            self._drop(uri)

    def _drop(self, uri: str) -> None:
        self._given.discard(uri)
        self._run(f"DROP DATABASE IF EXISTS {uri.rpartition('/')[2]}")


class _Catalogue(NamedTuple):
    """What a database of MariaDB looks like.

    Attributes:
        shape: Its columns, indexes, routines and triggers.
        rows: Of each table a checksum, and the next key.
    """

    shape: Any
    rows: dict[str, Any]


async def _catalogue(cursor: Any, name: str) -> _Catalogue:
    shape: list[Any] = []
    for text in (
        "SELECT table_name, ordinal_position, column_name, column_type, is_nullable, "
        "column_default, extra "
        "FROM information_schema.columns WHERE table_schema = %s ORDER BY 1, 2",
        "SELECT table_name, index_name, seq_in_index, column_name, non_unique "
        "FROM information_schema.statistics WHERE table_schema = %s ORDER BY 1, 2, 3",
        "SELECT routine_name FROM information_schema.routines WHERE routine_schema = %s",
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s",
    ):
        await cursor.execute(text, (name,))
        shape.append(await cursor.fetchall())
    await cursor.execute(
        "SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = %s",
        (name,),
    )
    keys = dict(await cursor.fetchall())
    if not keys:
        return _Catalogue(shape, {})
    await cursor.execute(f"CHECKSUM TABLE {', '.join(f'`{name}`.`{one}`' for one in keys)}")
    sums = {full.partition(".")[2]: number for full, number in await cursor.fetchall()}
    return _Catalogue(shape, {one: (sums[one], key) for one, key in keys.items()})


class MongodbDatabases:
    """Databases of one replica set; those that were used are put back into their first state."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._template: dict[str, dict[Any, Any]] = {}
        self._indexes: dict[str, list[Any]] = {}
        self._hashes: dict[str, str] = {}
        self._used: list[str] = []

    @cached_property
    def _client(self) -> Any:
        import pymongo

        return pymongo.MongoClient(self._url)

    def _uri(self, name: str) -> str:
        return self._url.replace("/?", f"/{name}?")

    def empty(self) -> str:
        return self._uri(f"t{uuid.uuid4().hex[:16]}")

    def fresh(self) -> str:
        if not self._template:
            uri = self.empty()
            install(uri)
            self._remember(self._client[name_of(uri)])
            return uri
        if self._used:
            uri = self._used.pop()
            self._reset(self._client[name_of(uri)])
            return uri
        uri = self.empty()
        database = self._client[name_of(uri)]
        for name, indexes in self._indexes.items():
            database.create_collection(name)
            if indexes:
                database.command("createIndexes", name, indexes=indexes)
        self._reset(database)
        return uri

    def _remember(self, database: Any) -> None:
        for name in database.list_collection_names():
            self._template[name] = _documents(database[name])
            indexes = [dict(one) for one in database[name].list_indexes()]
            self._indexes[name] = [one for one in indexes if one["name"] != "_id_"]
        self._hashes = database.command("dbHash")["collections"]

    def _reset(self, database: Any) -> None:
        for name in set(database.list_collection_names()) - set(self._template):
            database.drop_collection(name)
        # One question in the place of one for each collection.
        hashes = database.command("dbHash")["collections"]
        for name, documents in self._template.items():
            if hashes.get(name) != self._hashes.get(name):
                _put_back(database[name], documents)

    def close(self) -> None:
        for uri in self._used:
            self._client.drop_database(name_of(uri))
        self._client.close()

    def drop(self, uri: str) -> None:
        there = self._client[name_of(uri)].list_collection_names()
        if self._template and set(self._template) <= set(there):
            self._used.append(uri)
        else:
            self._client.drop_database(name_of(uri))


def _documents(collection: Any) -> dict[Any, Any]:
    """Give the documents of a collection as they are stored, by their keys."""
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument

    raw = collection.with_options(CodecOptions(document_class=RawBSONDocument))
    return {one["_id"]: one for one in raw.find()}


def _put_back(collection: Any, first: dict[Any, Any]) -> None:
    """Write what differs: of hundreds of documents a test has added some, and changed few."""
    now = _documents(collection)
    same = {key for key, one in now.items() if key in first and one.raw == first[key].raw}
    wrong = [key for key in now if key not in same]
    missing = [one for key, one in first.items() if key not in same]
    if wrong:
        collection.delete_many({"_id": {"$in": wrong}})
    if missing:
        collection.insert_many(missing)


def name_of(uri: str) -> str:
    """Give the database's name in an address."""
    return uri.rpartition("/")[2].partition("?")[0]


Databases = SqliteDatabases | PostgresqlDatabases | MysqlDatabases | MongodbDatabases
Fresh = Callable[[], str]
