"""Every operation of the OpenAPI document, as three kinds of caller: no 5xx, and nothing leaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.docs.server import LiveServer, serving

PASSWORD = "secret-word-1"
# What is in records that only administrators see, and in fields of them.
HIDDEN = ("canary-note", "canary-row", "canary-key")
SECRETS = ("$argon2", 'refreshTokenHash":"')
KINDS = ("nobody", "ann", "root")


class Inbox(NamedTuple):
    """A server with a table that has something to hide, and a token of each kind of caller."""

    server: LiveServer
    tokens: dict[str, str | None]


def _post(live: LiveServer, path: str, body: Any, token: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token or live.token}"}
    answer = httpx.post(f"{live.url}{path}", json=body, headers=headers, timeout=30)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inbox]:
    with serving(tmp_path_factory.mktemp("callers")) as live:
        _post(live, "/role_definition", {"name": "requester"})
        user = {"email": "ann@example.com", "password": PASSWORD, "role": "requester"}
        _post(live, "/user_definition", user)
        columns = [
            {"name": "subject", "type": "varchar"},
            {"name": "internalNote", "type": "text", "isPublished": False},
            {"name": "key", "type": "text", "isEncrypted": True, "isPublished": False},
        ]
        _post(live, "/table_definition", {"name": "ticket", "columns": columns})
        methods = ["GET", "POST", "PATCH", "PUT", "DELETE"]
        permission = {"route": "/ticket", "role": "requester", "methods": methods}
        _post(live, "/route_permission_definition", permission)
        (route,) = live.json('/route_definition?filter={"path":"/ticket"}')["data"]
        status, _ = live.request(
            "PATCH", f"/route_definition/{route['id']}", b'{"publicMethods": ["GET"]}'
        )
        assert status == 200
        policy = {"name": "open", "table": "ticket", "filter": {"subject": {"_neq": "canary-row"}}}
        _post(live, "/row_policy_definition", policy)
        rows = [
            {"subject": subject, "internalNote": "canary-note", "key": "canary-key"}
            for subject in ("hello", "canary-row")
        ]
        _post(live, "/ticket", rows)
        login = {"email": user["email"], "password": PASSWORD}
        ann = _post(live, "/auth/login", login)["accessToken"]
        tokens = {
            "nobody": None,
            "ann": _api_token(live, ann),
            "root": _api_token(live, live.token),
        }
        yield Inbox(live, tokens)


def _api_token(live: LiveServer, token: str) -> str:
    """Make a token that no logout ends."""
    made = _post(live, "/me/tokens", {"name": "test"}, token)
    return made["data"][0]["token"]


@pytest.mark.parametrize("kind", KINDS)
def test_operations(inbox: Inbox, kind: str) -> None:
    live, token = inbox.server, inbox.tokens[kind]
    # That of an administrator has all operations.
    everything = {"Authorization": f"Bearer {live.token}"}
    schema = schemathesis.openapi.from_url(f"{live.url}/openapi.json", headers=everything)
    statuses: set[int] = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        examples = 6 if operation.path.startswith("/ticket") else 1
        for status in _tried(operation, live.url, token, kind, examples):
            statuses.add(status)
    assert {"nobody": 401, "ann": 403, "root": 400}[kind] in statuses
    assert 200 in statuses


def _tried(operation: Any, url: str, token: str | None, kind: str, examples: int) -> list[int]:
    """Send requests that the document allows, and some that it does not; give the statuses."""
    statuses: list[int] = []
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    @seed(len(operation.path))
    @settings(
        max_examples=examples, phases=[Phase.generate], database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(operation.as_strategy())
    def ask(case: Any) -> None:
        answer = case.call(base_url=url, headers=headers)
        text = answer.content.decode("latin-1")
        told = f"{case.method} {answer.request.url} {answer.request.body!r}: {text[:500]}"
        assert answer.status_code < 500, told
        assert not any(secret in text for secret in SECRETS), told
        if kind != "root":
            assert not any(hidden in text for hidden in HIDDEN), told
        statuses.append(answer.status_code)

    ask()
    return statuses
