"""Structured logs: one JSON object a line, each with the request's correlation id."""

from __future__ import annotations

import contextvars
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from .encoding import encode_json

correlation_id: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "enfyra_correlation_id", default=None
)

_SECRET_WORDS = ("password", "secret", "token", "authorization", "cookie", "hash")


def _add_correlation_id(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    current = correlation_id.get()
    if current is not None:
        event.setdefault("correlationId", current)
    return event


def _hide_secrets(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = "[hidden]"
    return event


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    try:
        return encode_json(event).decode()
    except (TypeError, ValueError, RecursionError):
        return encode_json({_text(key): _text(value) for key, value in event.items()}).decode()


def _text(value: object) -> str:
    """Give something readable of a value that is no JSON: no line may be lost for it."""
    try:
        text = str(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text.encode(errors="backslashreplace").decode()


_shared: list[structlog.types.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _add_correlation_id,
    structlog.processors.format_exc_info,
    _hide_secrets,
]


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send everything logged below `enfyra` and `tornado` to stderr as JSON lines.

    Only those loggers are touched: in Jupyter the process belongs to somebody else.

    Args:
        stream: Where the lines go instead.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
        )
    )
    for name in ("enfyra", "tornado"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
    # Tornado writes a line for each request there; ours are written at debug level by the server.
    logging.getLogger("tornado.access").setLevel(logging.ERROR)


def get_logger(name: str) -> logging.Logger:
    """Give the logger `enfyra.<name>`; keyword data goes into `extra=`.

    Example:
        >>> get_logger("schema").name
        'enfyra.schema'
    """
    return logging.getLogger(f"enfyra.{name}")
