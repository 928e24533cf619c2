"""A private MariaDB."""

from __future__ import annotations

import subprocess

from .base import Service, as_nobody, program


class MariaDB(Service):
    name = "mariadb"

    @property
    def url(self) -> str:
        return f"mysql://enfyra:p%40ss@127.0.0.1:{self.port}/enfyra"

    def prepare(self) -> None:
        install = program("mariadb-install-db", "mysql_install_db", package="mariadb-server")
        command = [
            install, "--no-defaults", f"--datadir={self.folder / 'data'}",
            "--auth-root-authentication-method=normal", "--skip-test-db",
        ]  # fmt: skip
        subprocess.run(as_nobody(command), check=True, capture_output=True, cwd=self.folder)

    def command(self) -> list[str]:
        binary = program(
            "mariadbd", "mysqld", "/usr/sbin/mariadbd", "/usr/sbin/mysqld",
            package="mariadb-server",
        )  # fmt: skip
        options = {
            "datadir": self.folder / "data",
            "port": self.port,
            "bind-address": "127.0.0.1",
            "socket": self.folder / "socket",
            "pid-file": self.folder / "pid",
            "innodb-flush-log-at-trx-commit": 0,
            "innodb-buffer-pool-size": "128M",
            "skip-name-resolve": 1,
            "max-connections": 300,
            # Another server's defaults, to see that ours do not depend on them.
            "character-set-server": "latin1",
            "sql-mode": "",
        }
        settings = [f"--{key}={value}" for key, value in options.items()]
        return as_nobody([binary, "--no-defaults", *settings])

    def sql(self, *statements: str) -> None:
        """Run statements as root."""
        client = program("mariadb", "mysql", package="mariadb-client")
        command = [client, "--no-defaults", f"--socket={self.folder / 'socket'}", "-uroot"]
        text = ";\n".join(statements)
        subprocess.run([*command, "-e", text], check=True, capture_output=True)

    def is_ready(self) -> bool:
        if not super().is_ready():
            return False
        try:
            self.sql("SELECT 1")
        except subprocess.CalledProcessError:
            return False
        return True

    def settle(self) -> None:
        self.sql(
            "DROP USER IF EXISTS ''@'localhost'",
            "CREATE USER 'enfyra'@'%' IDENTIFIED BY 'p@ss'",
            "GRANT ALL ON *.* TO 'enfyra'@'%'",
            "CREATE DATABASE enfyra",
        )
