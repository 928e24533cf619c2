"""Two private MariaDBs, of which one follows the other by its GTIDs."""

from __future__ import annotations

from .mariadb import MariaDB


class MariaDBPrimary(MariaDB):
    """A MariaDB that can be followed."""

    def command(self) -> list[str]:
        return [*super().command(), "--server-id=1", f"--log-bin={self.folder / 'data' / 'log'}"]


class MariaDBReplica(MariaDB):
    """A MariaDB that begins with nothing and replays all that its primary has ever done."""

    def __init__(self, primary: MariaDBPrimary) -> None:
        super().__init__()
        self._primary = primary

    def command(self) -> list[str]:
        return [*super().command(), "--server-id=2"]

    def settle(self) -> None:
        self.sql(
            f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {self._primary.port}, "
            "MASTER_USER = 'enfyra', MASTER_PASSWORD = 'p@ss', MASTER_USE_GTID = slave_pos",
            "START SLAVE",
        )
