"""What the tests of schema changes do again and again."""

from __future__ import annotations

from typing import Any

from enfyra_kernel.kernel import Kernel
from enfyra_kernel.storage.physical import PhysicalTable

from tests.api import Answer, Api


async def physical(kernel: Kernel, name: str) -> PhysicalTable:
    found = await kernel.database.inspect([name])
    assert found, f"{name} is not there"
    return found[0]


async def change(api: Api, table: Any, body: Any, *, confirm: bool = False) -> Answer:
    answer = await api.patch(f"/table_definition/{table['id']}", body)
    if confirm:
        assert (answer.status, answer.code) == (409, "SCHEMA_CONFIRMATION_REQUIRED"), answer.body
        required = answer.body["error"]["details"]["requiredConfirmHash"]
        answer = await api.patch(
            f"/table_definition/{table['id']}", body, schemaConfirmHash=required
        )
    return answer


async def columns_of(api: Api, name: str) -> dict[str, Any]:
    described = await api.get(f"/metadata/{name}")
    return {column["name"]: column for column in described.data["columns"]}
