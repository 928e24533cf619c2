"""What the routes under `/auth` and `/me` take and give, in the words of JSON Schema."""

from __future__ import annotations

from typing import Any, NamedTuple

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_FLAG: Json = {"type": "boolean"}
_INSTANT: Json = {"type": ["string", "null"], "format": "date-time"}
_MAYBE: Json = {"type": ["string", "null"]}
_TOKENS: Json = {
    "accessToken": {**_TEXT, "description": "Send it as Authorization: Bearer ..."},
    "refreshToken": {**_TEXT, "description": "Good for one refresh"},
    "expTime": {
        "type": "integer",
        "description": "When the access token expires, in milliseconds since 1970",
    },
    "loginProvider": _MAYBE,
}
_LOGIN: Json = {
    "id": {**_TEXT, "format": "uuid"},
    "createdAt": _INSTANT,
    "refreshedAt": _INSTANT,
    "expiredAt": _INSTANT,
    "remember": _FLAG,
    "loginProvider": _MAYBE,
    "ip": _MAYBE,
    "userAgent": _MAYBE,
    "isCurrent": {**_FLAG, "description": "Whether the request belongs to it"},
}
_TOKEN: Json = {
    "id": {**_TEXT, "format": "uuid"},
    "name": _TEXT,
    "prefix": _TEXT,
    "last4": _TEXT,
    "scopes": {
        "type": ["array", "null"],
        "items": _TEXT,
        "description": "What it is for; null for everything",
    },
    "expiresAt": _INSTANT,
    "lastUsedAt": _INSTANT,
    "lastUsedIp": _MAYBE,
    "createdAt": _INSTANT,
}


_NUMBER: Json = {"type": "integer", "minimum": 0}
_COUNTS: Json = {
    "name": _TEXT,
    "waiting": _NUMBER,
    "active": _NUMBER,
    "delayed": _NUMBER,
    "failed": {**_NUMBER, "description": "Dead letters that are kept"},
    "completed": {**_NUMBER, "description": "Those that are kept"},
}

_STEP: Json = {
    "step": {
        "enum": ["route", "guard", "identity", "policy", "scripts", "rows", "fields"],
    },
    "verdict": {"enum": ["passes", "refuses", "depends"]},
    "reason": _TEXT,
    "rule": {**_MAYBE, "description": "The row that decides"},
    "code": {**_MAYBE, "description": "The error's, if it refuses"},
}


class Described(NamedTuple):
    """One operation.

    Attributes:
        body: The properties of the body; None where there is none.
        required: Those that there must be; with none of them, there need be no body.
        more: What the answer has beside `statusCode` and `message`.
        status: Of a success.
        tag: What it is listed under.
    """

    summary: str
    body: Json | None = None
    required: tuple[str, ...] = ()
    more: Json = {}  # noqa: RUF012 - a tuple's default, which nobody changes
    status: str = "200"
    tag: str = "account"


def _list_of(properties: Json) -> Json:
    return {"data": {"type": "array", "items": {"type": "object", "properties": properties}}}


_OPERATIONS: dict[tuple[str, str], Described] = {
    ("POST", "/auth/login"): Described(
        "Log in",
        {"email": {**_TEXT, "format": "email"}, "password": _TEXT, "remember": _FLAG},
        ("email", "password"),
        _TOKENS,
    ),
    ("POST", "/auth/refresh-token"): Described(
        "Prolong a login", {"refreshToken": _TEXT}, ("refreshToken",), _TOKENS
    ),
    ("POST", "/auth/logout"): Described(
        "End a login, or all of the account", {"refreshToken": _TEXT, "all": _FLAG}
    ),
    ("POST", "/auth/token/exchange"): Described(
        "Get tokens for an API token, or for the code of a login elsewhere",
        {"apiToken": _TEXT, "code": _TEXT},
        more=_TOKENS,
    ),
    ("POST", "/auth/oauth/exchange"): Described(
        "Get tokens for the code of a login elsewhere", {"code": _TEXT}, ("code",), _TOKENS
    ),
    ("GET", "/auth/providers"): Described(
        "List where users can log in", more=_list_of({"provider": _TEXT, "label": _TEXT})
    ),
    ("GET", "/auth/:provider"): Described("Send a browser to a provider", status="302"),
    ("GET", "/auth/:provider/callback"): Described(
        "Take a browser back from a provider", status="302"
    ),
    ("GET", "/me/oauth-accounts"): Described(
        "List the accounts elsewhere that you are linked to",
        more=_list_of(
            {
                "id": {"type": "integer"},
                "provider": _TEXT,
                "providerUserId": _TEXT,
                "createdAt": _INSTANT,
            }
        ),
    ),
    ("GET", "/me/sessions"): Described("List your logins", more=_list_of(_LOGIN)),
    ("DELETE", "/me/sessions/:id"): Described("End one of your logins"),
    ("GET", "/me/tokens"): Described("List your API tokens", more=_list_of(_TOKEN)),
    ("POST", "/me/tokens"): Described(
        "Create an API token",
        {
            "name": {**_TEXT, "maxLength": 120},
            "scopes": {
                "type": "array",
                "items": _TEXT,
                "description": "Such as `GET,POST /post/**`; without them, everything",
            },
            "expiresAt": {**_TEXT, "description": "An instant, or `never`; 90 days without it"},
        },
        ("name",),
        _list_of({**_TOKEN, "token": {**_TEXT, "description": "Shown only here"}}),
        "201",
    ),
    ("DELETE", "/me/tokens/:id"): Described("Revoke one of your API tokens"),
    ("POST", "/admin/access/explain"): Described(
        "Say whether somebody may do something, and why",
        {
            "path": {**_TEXT, "description": "Such as /post"},
            "method": {**_TEXT, "description": "GET without it"},
            "user": {**_MAYBE, "description": "An e-mail address or id; nobody without it"},
            "row": {"type": ["string", "integer", "null"], "description": "Look at this record"},
            "ip": {**_MAYBE, "description": "Look at guards from this address"},
        },
        ("path",),
        _list_of(
            {
                "allowed": _FLAG,
                "status": {"type": ["integer", "null"]},
                "code": _MAYBE,
                "method": _TEXT,
                "path": _TEXT,
                "user": {"type": ["object", "null"]},
                "steps": {
                    "type": "array",
                    "items": {"type": "object", "properties": _STEP},
                },
            }
        ),
    ),
    ("POST", "/admin/sql"): Described(
        "Read with one statement of SQL, as the administrator",
        {
            "sql": {**_TEXT, "description": "SELECT, WITH or VALUES; `:name` stands for a value"},
            "saved": {**_TEXT, "description": "The name of a saved query, in the place of sql"},
            "with": {
                "type": "array",
                "items": _TEXT,
                "description": "The names of saved queries that it reads from",
            },
            "parameters": {"type": "object", "description": "The values by their names"},
            "limit": {**_NUMBER, "description": "The most rows; 1000 without it"},
            "timeout": {"type": "number", "description": "The most seconds to compute"},
            "explain": {"type": "boolean", "description": "Tell the plan in the place of rows"},
        },
        (),
        {
            **_list_of({}),
            "meta": {
                "type": "object",
                "properties": {
                    "columns": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"name": _TEXT, "type": _MAYBE},
                        },
                    },
                    "more": {**_FLAG, "description": "Whether there are more rows"},
                },
            },
        },
    ),
    ("GET", "/admin/query/check"): Described(
        "Say which saved queries do not fit the definitions any more, and why",
        more=_list_of({"id": _NUMBER, "name": _TEXT, "problem": _TEXT}),
    ),
    ("GET", "/admin/job"): Described(
        "Count jobs by name and state", more=_list_of(_COUNTS), tag="jobs"
    ),
    ("POST", "/admin/job/:id/retry"): Described(
        "Put a dead letter back into the queue", tag="jobs"
    ),
    ("DELETE", "/admin/job/:id"): Described("Remove a job that does not run", tag="jobs"),
}


def described(method: str, path: str) -> Json | None:
    """Give what is special about an operation; None for one that is not known here."""
    one = _OPERATIONS.get((method, path))
    if one is None:
        return None
    envelope = {"statusCode": {"type": "integer"}, "message": _TEXT, **one.more}
    answer = {"application/json": {"schema": {"type": "object", "properties": envelope}}}
    operation: Json = {
        "summary": one.summary,
        "tags": [one.tag],
        "responses": {one.status: {"description": "Success", "content": answer}},
    }
    if one.body is not None:
        schema: Json = {"type": "object", "properties": one.body, "additionalProperties": False}
        if one.required:
            schema["required"] = list(one.required)
        operation["requestBody"] = {
            "required": bool(one.required),
            "content": {"application/json": {"schema": schema}},
        }
    return operation
