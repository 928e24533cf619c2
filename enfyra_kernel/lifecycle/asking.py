"""What operations on accounts ask of a request: a caller, and a body with known keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..errors import EnfyraError, did_you_mean
from ..identity.callers import Caller
from ..identity.sessions import Client
from .context import Context
from .messages import Request

_KINDS = {str: "a text", bool: "true or false", list: "a list"}


def client_of(request: Request) -> Client:
    """Give what a request was sent from."""
    return Client(request.remote_ip or None, request.headers.get("user-agent"))


def caller_in(context: Context) -> Caller:
    """Give the caller.

    Raises:
        EnfyraError: AUTHENTICATION_ERROR when there is none.
    """
    if context.caller is None:
        raise EnfyraError("AUTHENTICATION_ERROR")
    return context.caller


def person_in(context: Context) -> Caller:
    """Give a caller who has logged in: an API token must not make others, or end logins.

    Raises:
        EnfyraError: AUTHENTICATION_ERROR, AUTHORIZATION_ERROR.
    """
    caller = caller_in(context)
    if caller.api_token is not None:
        raise EnfyraError(
            "AUTHORIZATION_ERROR",
            f"An API token cannot {context.method} {context.route.path}",
            hint="Log in",
        )
    return caller


def strict(body: Any, required: Mapping[str, type], optional: Mapping[str, type]) -> dict[str, Any]:
    """Check that a body has these keys and no others.

    Raises:
        EnfyraError: INVALID_BODY with every problem.

    Example:
        >>> strict({"nmae": "x"}, {"name": str}, {})
        Traceback (most recent call last):
        enfyra_kernel.errors.EnfyraError: name is required; nmae is not allowed. ...
    """
    if not isinstance(body, Mapping):
        raise EnfyraError("INVALID_BODY", "The body must be a JSON object")
    named = dict(cast("Mapping[str, Any]", body))
    known = {**required, **optional}
    problems = [f"{name} is required" for name in required if name not in named]
    for name, value in named.items():
        if name not in known:
            problems.append(f"{name} is not allowed.{did_you_mean(name, known)}")
        elif not isinstance(value, known[name]):
            problems.append(f"{name} must be {_KINDS[known[name]]}")
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)
    return named
