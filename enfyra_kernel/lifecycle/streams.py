"""Records in other formats than JSON: lists as downloads, and bodies that are loaded."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from importlib import import_module
from urllib.parse import quote

from ..encoding import encode_json
from ..errors import EnfyraError, did_you_mean
from ..query.brackets import parse_query_string
from ..records.repository import Repository
from ..records.streams.formats import CSV, JSON, Format, asked, of_content
from .context import Context
from .messages import Response, Stream, success
from .permits import permit_also

_MODULES = (
    "enfyra_kernel.records.loading",
    "enfyra_kernel.records.streams.opening",
    "enfyra_kernel.storage.sql.arrow",
    "enfyra_kernel.storage.sql.selecting.arrow",
)
_LOAD_OPTIONS = ("mode", "key", "missing", "dryRun", "format")


async def prepare_streams() -> None:
    """Import pyarrow and what works with it, if it is installed, beside the event loop.

    That is half a second and 40 MB, for those who use it only.
    """
    if not all(name in sys.modules for name in _MODULES):
        await asyncio.to_thread(_import)


def _import() -> None:
    with suppress(ImportError):
        for name in _MODULES:
            import_module(name)
        # The first array that it makes imports pandas, where that is installed.
        import_module("pyarrow").array([0])


def is_load(content_type: str, query: str) -> bool:
    """Say whether a body is records in a format that is worked off while it comes in.

    Example:
        >>> is_load("text/csv", ""), is_load("application/json", "format=csv"), is_load("", "")
        (True, True, False)
    """
    try:
        found = asked(query) or of_content(content_type)
    except EnfyraError:
        return False
    return found is not None and found is not JSON


# -- downloads ------------------------------------------------------------------------------------


async def download(context: Context, repository: Repository, format: Format) -> Response:  # noqa: A002
    """Answer a list in another format than JSON.

    Raises:
        EnfyraError: What is wrong with the query, and what fails until the first records are there.
    """
    await prepare_streams()
    ignoring = frozenset({"format", "safe"} if format is CSV else {"format"})
    safe = format is CSV and context.flag("safe")
    query = context.query(ignoring=ignoring)
    pieces = repository.stream(query, context.access, format, safe=safe)
    stream = Stream(pieces) if context.request.method == "HEAD" else await begun(pieces)
    name = quote(f"{repository.table.name}.{format.extension}")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    if name.isascii() and "%" not in name:
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(200, content_type=format.content_type, headers=headers, stream=stream)


async def begun(rest: AsyncGenerator[bytes, None]) -> Stream:
    """Make the first rows at once: most errors show by then, while a status can still be sent."""
    first = await anext(rest, b"")

    async def pieces() -> AsyncGenerator[bytes, None]:
        yield first
        async for piece in rest:
            yield piece

    # Whoever leaves early lets go of the database, too.
    return Stream(pieces(), rest.aclose)


# -- loads ----------------------------------------------------------------------------------------


async def load(context: Context, repository: Repository, format: Format) -> Response:  # noqa: A002
    """Load the records of a body.

    Raises:
        EnfyraError: What is wrong with the parameters or the records; nothing is loaded then.
    """
    await prepare_streams()
    try:
        from ..records.loading import MODES, Body, LoadOptions
    except ImportError:
        raise EnfyraError(
            "UNSUPPORTED_MEDIA_TYPE",
            "Loading records needs pyarrow on the server",
            hint="pip install 'enfyra-kernel[arrow]'",
        ) from None
    given = context.named_query
    if given is None:
        given = parse_query_string(context.request.query)
    for name in given:
        if name not in _LOAD_OPTIONS:
            hint = did_you_mean(name, _LOAD_OPTIONS)
            raise EnfyraError("INVALID_QUERY", f"There is no parameter '{name}' for loading.{hint}")
    options = LoadOptions(
        mode=str(given.get("mode", MODES[0])),
        key=_names(given.get("key")),
        missing=str(given.get("missing", "error")),
        dry_run=context.flag("dryRun"),
    )
    beside = {"upsert": "PATCH", "replace": "DELETE"}.get(options.mode)
    if beside is not None:
        permit_also(context, beside, f"mode={options.mode}")
    stream = context.request.stream
    if stream is None:
        stream = _one_piece(context.request.body)
    coding = context.request.headers.get("content-encoding", "").strip().lower()
    body = Body(stream, format, coding)
    loaded = await repository.load(body, options, context.access)
    return success(encode_json(loaded), status=200 if options.dry_run else 201)


def _names(value: object) -> tuple[str, ...]:
    return tuple(part.strip() for part in str(value or "").split(",") if part.strip())


async def _one_piece(body: bytes) -> AsyncIterator[bytes]:
    yield body
