"""What scripts get to see of a request, as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import parse_qs

from ...clock import Clock
from ...encoding import decode_json, encode_json
from ...errors import EnfyraError
from ...query.brackets import parse_query_string
from ...query.saved import SAVED
from ...scripts.script import Language, Script
from ..context import Context
from ..messages import JSON, Request

NULL = b"null"
EMPTY = b"{}"
FORM = "application/x-www-form-urlencoded"
# Parameters that hold JSON.
_OBJECTS = ("filter", "deep", "aggregate", "measures")
# What says who somebody is, and is worth as much as a password.
_SECRET_HEADERS = frozenset({"cookie", "proxy-authorization", "x-enfyra-jupyter"})

# Hooks make the same of the same query again and again, unless it is a long one.
_SHORT = 1024
_COSTLY = ("req", "api")
# Ways to a name that is not written; the last three lead to packages.
_ROUNDABOUT = ("getattr", "import", "pkgs", "%")

Sections = dict[str, bytes]


def sections_seen(scripts: Sequence[Script]) -> frozenset[str]:
    """Say which of the sections that take time to make scripts may look into.

    A script in Python cannot come to `ctx.req` without writing the name, unless by `getattr`, by
    a package that does it, or in letters that Python takes for those of ASCII.

    Example:
        >>> from ...scripts.script import Stage
        >>> script = Script(name="a", stage=Stage.PRE, source="@BODY.ip = @REQ.ip")
        >>> sections_seen([script])
        frozenset({'req'})
    """
    return frozenset(name for name in _COSTLY if any(_may_see(name, one) for one in scripts))


def _may_see(section: str, script: Script) -> bool:
    source = script.source
    if script.language is not Language.PYTHON or not source.isascii():
        return True
    return section in source.lower() or any(one in source for one in _ROUNDABOUT)


async def sections_of(
    context: Context, clock: Clock, user: bytes, env: bytes, seen: Container[str]
) -> Sections:
    """Give the sections of a request's context.

    Args:
        user: The caller's row as JSON, or null.
        env: What the operator lets scripts know.
        seen: Which of `req` and `api` anybody looks into.
    """
    sections = {
        "body": await _body_json(context),
        "query": _query_of(context),
        "params": encode_json(context.parameters) if context.parameters else EMPTY,
        "user": user,
        "env": env,
        "share": EMPTY,
    }
    if "req" in seen:
        sections["rawBody"] = context.request.body
        sections["req"] = _req_json(context)
    if "api" in seen:
        sections["api"] = _api_json(context, clock.now())
    return sections


def _url(request: Request) -> str:
    return f"{request.path}?{request.query}" if request.query else request.path


def _req_json(context: Context) -> bytes:
    request = context.request
    headers = _shown_headers(context)
    host = headers.get("host", "")
    url = _url(request)
    return encode_json(
        {
            "method": request.method,
            "url": url,
            "originalUrl": url,
            "path": request.path,
            "headers": headers,
            "params": context.parameters,
            "ip": request.remote_ip,
            "hostname": host.rpartition(":")[0] if ":" in host else host,
            "protocol": request.scheme,
        }
    )


def _api_json(context: Context, now: datetime) -> bytes:
    request = context.request
    return encode_json(
        {
            "request": {
                "method": request.method,
                "url": _url(request),
                "timestamp": now.isoformat(timespec="milliseconds"),
                "correlationId": request.correlation_id,
                "userAgent": request.headers.get("user-agent"),
                "ip": request.remote_ip,
            }
        }
    )


def _shown_headers(context: Context) -> Mapping[str, str]:
    headers = context.request.headers
    hidden = _SECRET_HEADERS
    if context.caller is not None:
        # It is our token then; a webhook's own authorization is its script's to check.
        hidden = hidden | {"authorization"}
    return {name: value for name, value in headers.items() if name not in hidden}


def _query_of(context: Context) -> bytes:
    text = context.request.query
    if SAVED not in text:
        return _query_json(text)
    return encode_json(context.written_out(named_query(text)))


@lru_cache(1024)
def _query_json(text: str) -> bytes:
    return encode_json(named_query(text)) if text else EMPTY


def named_query(text: str) -> dict[str, Any]:
    """Give the parameters of a query by name, with objects where they hold JSON."""
    named = dict(parse_query_string(text))
    for name in _OBJECTS:
        value = named.get(name)
        if isinstance(value, str) and value[:1] in {"{", "["}:
            try:
                named[name] = decode_json(value)
            except EnfyraError:
                # The operation will say what is wrong with it.
                continue
    return named


async def _body_json(context: Context) -> bytes:
    request = context.request
    if not request.body:
        return EMPTY
    kind = context.content_type
    if kind == FORM:
        return encode_json(_form(request.body))
    if kind in {JSON, ""} or kind.endswith("+json"):
        await context.json()
        return request.body
    return EMPTY


def _form(body: bytes) -> dict[str, Any]:
    try:
        named = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        raise EnfyraError("BAD_REQUEST", "The body is not a valid form") from None
    return {name: values[0] if len(values) == 1 else values for name, values in named.items()}


def changed_context(context: Context, sections: Sections, changed: Mapping[str, bytes]) -> Context:
    """Give the context as scripts have left it."""
    request, query = context.request, context.named_query
    if "body" in changed:
        headers = {**request.headers, "content-type": _type_of(context)}
        request = dataclasses.replace(request, body=sections["body"], headers=headers)
    if "query" in changed:
        query = _changed_query(sections["query"])
    if request is context.request and query is context.named_query:
        return context
    return Context(request, context.snapshot, context.match, context.caller, context.access, query)


def _changed_query(text: bytes) -> Mapping[str, Any]:
    return _remembered_query(text) if len(text) <= _SHORT else _mapping("@QUERY", text)


@lru_cache(1024)
def _remembered_query(text: bytes) -> Mapping[str, Any]:
    return MappingProxyType(_mapping("@QUERY", text))


def _type_of(context: Context) -> str:
    kind = context.content_type
    return kind if kind.endswith("+json") else JSON


def _mapping(name: str, text: bytes) -> Mapping[str, Any]:
    value = decode_json(text)
    if not isinstance(value, dict):
        raise EnfyraError("SCRIPT_EXECUTION_ERROR", f"A script has made {name} something else")
    return cast("dict[str, Any]", value)
