"""Everything under the mount point: the API, and beside it health, OpenAPI and the page to try it.

A site answers requests whatever transport they came by; see `delegate` for Tornado's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from enfyra_kernel.access.origins import Origins
from enfyra_kernel.access.proxies import Proxies
from enfyra_kernel.encoding import encode_json
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import Request, Response, failure, identify
from enfyra_kernel.logs import get_logger
from enfyra_kernel.metadata.routes import normal_path
from enfyra_kernel.networks import Networks

from .bridge import Bridge
from .cors import Cors, asks_before, mark, preflight
from .documents import Documents

_log = get_logger("server")

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
_READING = frozenset({"GET", "HEAD"})
_ALL_METHODS = _READING | {"POST", "PUT", "PATCH", "DELETE"}
_SOON = "1"


class Site:
    """Answers every request below a mount point.

    Args:
        prefix: The mount point, without a slash at the end: "" or "/user/ann/enfyra".
        proxies: Those that are believed when they say where a request comes from.
        cors: Knows the origins whose pages may call.
    """

    def __init__(
        self,
        kernel: Kernel,
        prefix: str = "",
        proxies: Proxies | None = None,
        cors: Cors | None = None,
    ) -> None:
        self.kernel = kernel
        self.prefix = prefix
        self._proxies = proxies or Proxies(Networks([]), "")
        self._cors = cors
        self._bridge = Bridge(kernel, prefix, self._answer, self._origins)
        self._documents = Documents(prefix)
        self._pages: dict[str, Page] = {
            "/": self._home,
            "/health": self._health,
            "/ready": self._ready,
            "/openapi.json": self._openapi,
            "/docs": self._docs,
            **{f"/static/{name}": self._asset for name in _ASSETS},
        }

    async def handle(self, request: Request) -> Response:
        """Answer a request; its path is relative to the mount point."""
        identify(request)
        if self._proxies:
            origin = self._proxies.origin(request.remote_ip, request.scheme, request.headers)
            request.remote_ip, request.scheme = origin
        origins = self._origins()
        if origins is None:
            return await self._bridged(request)
        response = None
        if asks_before(request):
            response = preflight(origins, request, self._callable_at(request.path))
        return mark(origins, request, response or await self._bridged(request))

    def refused(self, error: EnfyraError, request: Request) -> Response:
        """Answer a request that is not looked at any further."""
        response = failure(error, request)
        origins = self._origins()
        return response if origins is None else mark(origins, request, response)

    def _callable_at(self, path: str) -> frozenset[str]:
        """Give the methods of a path; all where there is nothing, so that a page is told that."""
        if self._page_at(path) is not None:
            return _READING
        match = self.kernel.registry.current.routes.find(path)
        return match.methods if match is not None else _ALL_METHODS

    def _page_at(self, path: str) -> Page | None:
        return self._pages.get(path) or self._pages.get(normal_path(path))

    def _origins(self) -> Origins | None:
        return self._cors.origins if self._cors is not None else None

    async def _bridged(self, request: Request) -> Response:
        if self._bridge.concerns(request) and self.kernel.started:
            return await self._bridge.handle(request)
        return await self._answer(request)

    async def _answer(self, request: Request) -> Response:
        page = self._page_at(request.path)
        if page is None and request.method != "OPTIONS":
            if not self.kernel.started:
                return failure(EnfyraError("SERVICE_UNAVAILABLE"), request)
            return await self.kernel.handle(request)
        try:
            return await self._shown(request, page)
        except EnfyraError as error:
            return failure(error, request)
        except Exception:
            _log.exception("page failed", extra={"path": request.path})
            return failure(EnfyraError("INTERNAL_SERVER_ERROR"), request)

    async def _shown(self, request: Request, page: Page | None) -> Response:
        if request.method == "OPTIONS":
            available = _READING if page is not None else self._methods_at(request.path)
            return Response(204, headers={"Allow": ", ".join(sorted({*available, "OPTIONS"}))})
        if page is None or request.method not in _READING:
            raise EnfyraError(
                "METHOD_NOT_ALLOWED",
                f"{request.method[:40]} is not available at {normal_path(request.path)[:200]}",
                details={"allowed": sorted(_READING)},
            )
        return await page(request)

    def _methods_at(self, path: str) -> frozenset[str]:
        match = self.kernel.registry.current.routes.find(path)
        if match is None:
            raise EnfyraError("ROUTE_NOT_FOUND", f"There is nothing at {normal_path(path)[:200]}.")
        return match.methods

    # -- the pages ------------------------------------------------------------------------------

    async def _home(self, _: Request) -> Response:
        return Response(302, headers={"Location": f"{self.prefix}/docs"})

    async def _health(self, _: Request) -> Response:
        return Response(200, encode_json({"status": "ok", **self._replicas()}))

    async def _ready(self, _: Request) -> Response:
        services = await self.kernel.health() if self.kernel.started else {"kernel": "starting"}
        ready = all(state == "ok" for state in services.values())
        content = {"status": "ready" if ready else "not ready", "services": services}
        # Without replicas everything works, by the primary.
        content |= self._replicas()
        if ready:
            return Response(200, encode_json(content))
        return Response(503, encode_json(content), headers={"Retry-After": _SOON})

    def _replicas(self) -> dict[str, list[str]]:
        states = self.kernel.replica_states()
        return {"replicas": states} if states else {}

    async def _openapi(self, request: Request) -> Response:
        if not self.kernel.started:
            raise EnfyraError("SERVICE_UNAVAILABLE")
        document = await self._documents.of(await self.kernel.lifecycle.view(request))
        headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
        return Response(200, document, headers=headers)

    async def _docs(self, _: Request) -> Response:
        page = (files("enfyra_server") / "static" / "docs.html").read_bytes()
        return Response(
            200,
            page.replace(b"{{prefix}}", self.prefix.encode()),
            "text/html; charset=utf-8",
            {"Content-Security-Policy": _DOCS_POLICY},
        )

    async def _asset(self, request: Request) -> Response:
        asset = _ASSETS[request.path.rpartition("/")[2]]
        content = (files("enfyra_server") / "static").joinpath(*asset.split("/")).read_bytes()
        kind = _TYPES["." + asset.rpartition(".")[2]]
        return Response(200, content, kind, {"Cache-Control": _FOREVER})


_ASSETS = {
    name.rpartition("/")[2]: name
    for name in (
        "docs.js",
        "swagger/swagger-ui-bundle.js",
        "swagger/swagger-ui.css",
        "swagger/favicon-32x32.png",
    )
}
