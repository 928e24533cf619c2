"""Looks for the programs that the tests need, and installs what is missing where it can.

    python scripts/services.py

With apt-get and root's rights it installs; otherwise it says what is missing. The tests that need
something which is not there skip and say so; with CI=true they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Program:
    """A program, by any of its names or places, and the Debian package that has it."""

    package: str
    names: tuple[str, ...]
    needed_for: str

    @property
    def there(self) -> bool:
        """Whether it is installed."""
        return any(shutil.which(name) for name in self.names) or any(
            place for name in self.names if name.startswith("/") for place in _places(name)
        )


def _places(pattern: str) -> list[Path]:
    return list(Path("/").glob(pattern.lstrip("/")))


PROGRAMS = (
    Program("postgresql", ("/usr/lib/postgresql/*/bin/postgres", "postgres"), "PostgreSQL"),
    Program("mariadb-server", ("mariadbd", "mysqld", "/usr/sbin/mariadbd"), "MariaDB"),
    Program("redis-server", ("redis-server",), "Redis"),
    Program("chromium", ("chromium", "chromium-browser", "google-chrome"), "tests in a browser"),
    Program("curl", ("curl",), "the examples of the documentation"),
)


def main() -> int:
    """Install or report; never a failure, for most tests run without."""
    missing = [one for one in PROGRAMS if not one.there]
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        install([one.package for one in missing])
        missing = [one for one in PROGRAMS if not one.there]
    for one in missing:
        print(
            f"missing: {one.package}, for {one.needed_for}. Install it with: "
            f"sudo apt-get install {one.package}"
        )
    mongod()
    return 0


def install(packages: Sequence[str]) -> None:
    """Install Debian packages; one that cannot be had does not keep the others away."""
    print(f"installing {', '.join(packages)} ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = ["apt-get", "-qq", "-o=Dpkg::Use-Pty=0"]
    subprocess.run([*quiet, "update"], env=environment, stdout=subprocess.DEVNULL, check=False)
    for package in packages:
        command = [*quiet, "install", "-y", "--no-install-recommends", package]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)


def mongod() -> None:
    """Fetch MongoDB, which Debian does not have, from where the tests find it."""
    sys.path.insert(0, str(ROOT))
    from tests.services import ServiceMissing
    from tests.services.mongodb import fetch

    try:
        fetch()
    except ServiceMissing as error:
        print(f"missing: mongod. {error}")


if __name__ == "__main__":
    sys.exit(main())
