"""A process that is killed in the middle of a schema change.

`python -m tests.kernel.schema.crash URI MOMENT` makes the change and kills itself, as `kill -9`
does: before its step of that number, `made 3` right after three steps have been made, and
`committed` right after the definitions have been committed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import settings

CHANGE: dict[str, Any] = {
    "columns": [
        {"name": "heading", "type": "varchar", "was": "title"},
        {"name": "views", "type": "bigint"},
        {"name": "note", "type": "text"},
    ],
    "relations": [
        {"type": "many-to-one", "propertyName": "author", "targetTable": "person"},
        {"type": "many-to-many", "propertyName": "fans", "targetTable": "person"},
    ],
    "indexes": [["views", "heading"]],
}


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def session_class(uri: str) -> Any:
    """Give the class of the sessions that change the schema of a database."""
    if uri.startswith("mongodb"):
        from enfyra_kernel.storage.mongo.schema import MongoSchemaSession

        return MongoSchemaSession
    from enfyra_kernel.storage.sql.ddl import SqlSchemaSession

    return SqlSchemaSession


def _die_at(session: Any, moment: str) -> None:
    made = 0
    apply, commit = session.apply, session.commit_writes

    async def apply_or_die(self: Any, change: Any) -> None:
        nonlocal made
        if moment == str(made):
            _die()
        made += 1
        await apply(self, change)
        if moment == f"made {made}":
            _die()

    async def commit_and_die(self: Any) -> None:
        await commit(self)
        _die()

    session.apply = apply_or_die
    if moment == "committed":
        session.commit_writes = commit_and_die


async def _change(uri: str, moment: str) -> None:
    async with Kernel(settings(uri)) as kernel:
        api = await Api(kernel).login()
        table = kernel.registry.current.tables["post"].id
        refused = await api.patch(f"/table_definition/{table}", CHANGE)
        required = refused.body["error"]["details"]["requiredConfirmHash"]
        _die_at(session_class(uri), moment)
        answer = await api.patch(f"/table_definition/{table}", CHANGE, schemaConfirmHash=required)
        print(answer.status, answer.body)


if __name__ == "__main__":
    asyncio.run(_change(sys.argv[1], sys.argv[2]))
