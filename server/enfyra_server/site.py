"""Everything under the mount point: the API, and beside it health, OpenAPI and the page to try it.

A site answers requests whatever transport they came by; see `delegate` for Tornado's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from enfyra_kernel.encoding import encode_json
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import Request, Response, failure
from enfyra_kernel.metadata.routes import normal_path

from .openapi import openapi

Page = Callable[[Request], Awaitable[Response]]

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".png": "image/png",
}
_DOCS_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'self'"
)
_FOREVER = "public, max-age=86400"


class Site:
    """Answers every request below a mount point.

    Args:
        prefix: The mount point, without a slash at the end: "" or "/user/ann/enfyra".
    """

    def __init__(self, kernel: Kernel, prefix: str = "") -> None:
        self.kernel = kernel
        self.prefix = prefix
        self._pages: dict[str, Page] = {
            "/health": self._health,
            "/ready": self._ready,
            "/openapi.json": self._openapi,
            "/docs": self._docs,
        }

    async def handle(self, request: Request) -> Response:
        """Answer a request; its path is relative to the mount point."""
        path = request.path
        page = self._pages.get(path)
        if page is not None and request.method in {"GET", "HEAD"}:
            return await page(request)
        if path.startswith("/static/"):
            return self._asset(request)
        if path == "/" and request.method in {"GET", "HEAD"}:
            return Response(302, headers={"Location": f"{self.prefix}/docs"})
        if not self.kernel.started:
            return failure(EnfyraError("SERVICE_UNAVAILABLE"), request)
        if request.method == "OPTIONS":
            return self._options(request)
        return await self.kernel.handle(request)

    async def _health(self, _: Request) -> Response:
        return Response(200, encode_json({"status": "ok"}))

    async def _ready(self, _: Request) -> Response:
        services = await self.kernel.health() if self.kernel.started else {"kernel": "starting"}
        ready = all(state == "ok" for state in services.values())
        content = {"status": "ready" if ready else "not ready", "services": services}
        return Response(200 if ready else 503, encode_json(content))

    async def _openapi(self, _: Request) -> Response:
        document = openapi(self.kernel.registry.current, self.prefix)
        return Response(200, document, headers={"Cache-Control": "no-cache"})

    async def _docs(self, _: Request) -> Response:
        page = (files("enfyra_server") / "static" / "docs.html").read_bytes()
        return Response(
            200,
            page.replace(b"{{prefix}}", self.prefix.encode()),
            "text/html; charset=utf-8",
            {"Content-Security-Policy": _DOCS_POLICY},
        )

    def _asset(self, request: Request) -> Response:
        name = request.path.removeprefix("/static/")
        asset = _ASSETS.get(name)
        if asset is None:
            return failure(
                EnfyraError("ROUTE_NOT_FOUND", f"There is nothing at {request.path[:200]}"), request
            )
        content = (files("enfyra_server") / "static").joinpath(*asset.split("/")).read_bytes()
        kind = _TYPES["." + name.rpartition(".")[2]]
        return Response(200, content, kind, {"Cache-Control": _FOREVER})

    def _options(self, request: Request) -> Response:
        match = self.kernel.registry.current.routes.find(request.path)
        if match is None:
            path = normal_path(request.path)[:200]
            return failure(EnfyraError("ROUTE_NOT_FOUND", f"There is nothing at {path}"), request)
        methods = sorted({*match.route.available, "OPTIONS", "HEAD"})
        return Response(204, headers={"Allow": ", ".join(methods)})


_ASSETS = {
    name.rpartition("/")[2]: name
    for name in (
        "docs.js",
        "swagger/swagger-ui-bundle.js",
        "swagger/swagger-ui.css",
        "swagger/favicon-32x32.png",
    )
}
