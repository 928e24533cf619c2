"""Requests that Jupyter has to look at first: who is asking, from which host and page."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import Any

from enfyra_kernel.encoding import encode_json
from enfyra_kernel.errors import EnfyraError, error_body
from enfyra_kernel.lifecycle.messages import Request, Response, Stream, failure
from enfyra_kernel.lifecycle.streams import is_load
from enfyra_kernel.metadata.routes import normal_path
from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.utils import HTTP_METHOD_TO_AUTH_ACTION
from jupyter_server.base.handlers import JupyterHandler
from tornado import web
from tornado.httputil import url_concat
from tornado.iostream import StreamClosedError

from enfyra_server.delegate import is_reading
from enfyra_server.heads import plain_headers

from .body import Body, StreamedBody
from .embedded import lift_limit
from .home import Home, credential_of, without_reserved

# One resource for everything: Jupyter's authorizer says who may act as the owner at all, tables
# and rows are the business of Enfyra's own rules.
RESOURCE = "enfyra"
ACTIVITY = "enfyra_last_activity"
STALLED = 408
# Whose server this is, where a JupyterHub has started it.
HUB_USER = "JUPYTERHUB_USER"
# What monitors ask for is no sign of life of a person.
POLLED = frozenset({"/health", "/ready", "/openapi.json"})
# Pages that show the definitions, for whom Jupyter or a token lets in.
PAGES = frozenset({"/", "/docs"})
DOCUMENT = "/openapi.json"

_KINDS = {
    400: "BAD_REQUEST",
    401: "AUTHENTICATION_ERROR",
    403: "AUTHORIZATION_ERROR",
    404: "ROUTE_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
}
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_CORS_HEADERS = (
    "accept, authorization, content-type, idempotency-key, if-match, if-none-match, "
    "x-correlation-id, x-xsrftoken"
)


class Refusal(web.HTTPError):
    """An error of ours on its way through Tornado."""

    def __init__(self, error: EnfyraError) -> None:
        super().__init__(error.status)
        self.error = error


def _is_guest(user: Any) -> bool:
    """Say whether a JupyterHub lets somebody in who is not the one that the server is for."""
    owner = os.environ.get(HUB_USER)
    return bool(owner) and getattr(user, "username", None) != owner


@web.stream_request_body
class EnfyraHandler(JupyterHandler):
    """Lets Jupyter find out who is asking, then has the home answer.

    Who Jupyter knows acts as the owner. An Enfyra token in the Authorization header says who is
    calling whatever cookies come with it, and everybody else is nobody: public routes answer them
    as they do on a stand-alone server, after Jupyter's check of the host.
    """

    def initialize(self, home: Home, prefix: str) -> None:
        """Take what the router hands over."""
        self._home = home
        self._prefix = prefix
        self._credential = credential_of(self.request.headers)
        self._body: Body | StreamedBody = Body(home.max_body)
        self._answering: asyncio.Future[Response] | None = None
        self._is_gone = False

    # -- who is asking --------------------------------------------------------------------------

    async def prepare(self) -> None:  # type: ignore[override]
        """Authenticate; begin to answer if the body is a stream."""
        lift_limit(self.request)
        if not self.check_host():
            self.current_user = self._jupyter_current_user = None
            raise Refusal(
                EnfyraError(
                    "AUTHORIZATION_ERROR",
                    "This server answers to its local names only",
                    hint="ServerApp.allow_remote_access lifts the check",
                )
            )
        await super().prepare(_redirect_to_login=False)
        self._holder = await self._is_holder()
        self._request = self._made()
        kind = self.request.headers.get("Content-Type", "")
        if self.request.method in _WITH_BODY and is_load(kind, self._request.query):
            self._begin_stream()

    async def _is_holder(self) -> bool:
        """Say whether the request acts as the owner of this Jupyter Server."""
        user = self.current_user
        if user is None or self._is_explicit() or _is_guest(user):
            return False
        if not self.token_authenticated and not self.check_origin():
            raise Refusal(EnfyraError("AUTHORIZATION_ERROR", "The page is of another origin"))
        action = HTTP_METHOD_TO_AUTH_ACTION.get(self.request.method or "", "write")
        # By hand: the decorator keeps the first resource that it has seen.
        if not await ensure_async(self.authorizer.is_authorized(self, user, action, RESOURCE)):
            message = f"Jupyter does not let you {action} '{RESOURCE}'"
            raise Refusal(EnfyraError("AUTHORIZATION_ERROR", message))
        return True

    def _is_explicit(self) -> bool:
        """Say whether a token in the header, which is not Jupyter's, tells who is calling."""
        if self._credential is None:
            return False
        return self._home.knows(self._credential) or not self.token_authenticated

    def check_xsrf_cookie(self) -> None:
        """Check that the owner's own page sent the form; nobody else has rights to abuse."""
        if not hasattr(self, "_jupyter_current_user"):
            return
        if self.current_user is None or self._is_explicit():
            return
        try:
            super().check_xsrf_cookie()
        except web.HTTPError:
            raise Refusal(
                EnfyraError(
                    "AUTHORIZATION_ERROR",
                    "The request does not show that it comes from a page of this server",
                    hint="Send the value of the cookie _xsrf, which GET /me sets, as X-XSRFToken; "
                    "or send a token in the Authorization header",
                )
            ) from None

    # -- receiving ------------------------------------------------------------------------------

    def _made(self) -> Request:
        request = self.request
        return Request(
            method=request.method or "GET",
            path=request.path[len(self._prefix) :] or "/",
            query=without_reserved(request.query),
            headers=plain_headers(request.headers),
            remote_ip=request.remote_ip or "",
            scheme=request.protocol or "http",
        )

    def _begin_stream(self) -> None:
        body = self._body = StreamedBody(self._home.upload_timeout)
        self._request.stream = body.pieces()
        self._answering = asyncio.ensure_future(
            self._home.answer(self._request, holder=self._holder)
        )
        self._answering.add_done_callback(lambda answering: self._answered(body, answering))

    def _answered(self, body: StreamedBody, answering: asyncio.Future[Response]) -> None:
        body.abandon()
        failed = answering.cancelled() or answering.exception() is not None
        if not failed and answering.result().status == STALLED:
            # Tornado lets nobody answer before all of a body is there.
            self._hang_up()

    async def data_received(self, chunk: bytes) -> None:  # type: ignore[override]
        """Take a piece of the body."""
        body = self._body
        if isinstance(body, StreamedBody):
            await body.put(chunk)
            return
        body.put(chunk)
        if body.endless:
            self._hang_up()

    def on_connection_close(self) -> None:
        """Let go of a request whose client has gone; what it writes is rolled back."""
        self._is_gone = True
        if self._answering is not None:
            self._answering.cancel()
        super().on_connection_close()

    def _hang_up(self) -> None:
        stream = getattr(self.request.connection, "stream", None)
        if stream is not None:
            stream.close()

    # -- answering ------------------------------------------------------------------------------

    @allow_unauthenticated
    async def get(self) -> None:
        """Answer; `prepare` has found out who is asking."""
        self._note_activity()
        if self._asks_to_log_in():
            return
        if normal_path(self._request.path) == "/me":
            # Reading it sends the cookie that a page needs for all but GET.
            _ = self.xsrf_token
        if self._answering is None and not is_reading(self.request.method, self._request.path):
            await self._send(await self._response())
            return
        # What only reads, and a load, is for nobody once its client has gone.
        try:
            response = await self._breakable()
        except asyncio.CancelledError:
            if not self._is_gone:
                raise
            self._auto_finish = False
            return
        await self._send(response)

    head = post = put = patch = delete = get

    @allow_unauthenticated
    async def options(self) -> None:
        """Answer; for a browser that asks beforehand, say what a page may send."""
        if "Access-Control-Request-Method" in self.request.headers:
            self.set_header("Access-Control-Allow-Headers", _CORS_HEADERS)
            self.set_header("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
        await self._send(await self._response())

    def _note_activity(self) -> None:
        known = self.current_user is not None
        quiet = "no_track_activity" in self.request.query_arguments
        if known and not quiet and self._request.path not in POLLED:
            self.settings[ACTIVITY] = datetime.now(UTC)

    def _asks_to_log_in(self) -> bool:
        """Show strangers who want to see a page of ours where to log in."""
        if self._holder or self._credential is not None or self.request.method in _WITH_BODY:
            return False
        path = self._request.path
        if self.current_user is not None and (path == DOCUMENT or path in PAGES):
            # A guest has logged in: the Hub would send him back here, again and again.
            raise Refusal(
                EnfyraError(
                    "AUTHORIZATION_ERROR",
                    "This server is somebody else's",
                    hint="Your own one shows what you may see",
                )
            )
        if path == DOCUMENT:
            raise Refusal(EnfyraError("AUTHENTICATION_ERROR"))
        if path not in PAGES:
            return False
        self.redirect(url_concat(self.get_login_url(), {"next": self.request.uri or ""}))
        return True

    async def _response(self) -> Response:
        if isinstance(self._body, StreamedBody) and self._answering is not None:
            await self._body.put(None)
            return await self._answering
        if isinstance(self._body, Body):
            try:
                self._request.body = self._body.content()
            except EnfyraError as error:
                return failure(error, self._request)
        return await self._home.answer(self._request, holder=self._holder)

    async def _breakable(self) -> Response:
        """Give the answer, unless the client goes away before."""
        if self._answering is not None:
            return await self._response()
        self._answering = asyncio.ensure_future(self._response())
        return await self._answering

    async def _send(self, response: Response) -> None:
        if response.stream is not None and self.request.method != "HEAD":
            try:
                await self._send_stream(response, response.stream)
            finally:
                await response.aclose()
            return
        self._set_head(response)
        self.finish(response.body if response.status not in {204, 304} else None)

    def _set_head(self, response: Response) -> None:
        self.set_status(response.status)
        self.set_header("Content-Type", response.content_type)
        if self._request.correlation_id:
            self.set_header("X-Correlation-ID", self._request.correlation_id)
        for name, value in response.headers.items():
            self.set_header(name, value)
        for cookie in response.cookies:
            self.add_header("Set-Cookie", cookie)

    async def _send_stream(self, response: Response, stream: Stream) -> None:
        pieces = aiter(stream)
        try:
            first = await anext(pieces, b"")
        except EnfyraError as error:
            await self._send(failure(error, self._request))
            return
        self._set_head(response)
        try:
            self.write(first)
            await self.flush()
            async for piece in pieces:
                self.write(piece)
                await self.flush()
        except StreamClosedError:
            return
        except Exception:
            # The status has gone out: only a connection that breaks off tells that this is not
            # all. Tornado would end the answer as if it were.
            self.log.exception("an answer was cut off")
            self._auto_finish = False
            self._hang_up()
            return
        self.finish()

    def _log(self) -> None:
        """Tell Jupyter's log, which takes any 503 for an error: a monitor just asked whether."""
        if self.request.path[len(self._prefix) :] not in POLLED:
            super()._log()

    def compute_etag(self) -> str | None:
        """Give none: records have ETags of their own."""
        return None

    # -- errors ---------------------------------------------------------------------------------

    def write_error(self, status_code: int, **facts: Any) -> None:
        """Answer an error of Tornado's or Jupyter's in the one shape that ours have."""
        raised = facts.get("exc_info", (None, None, None))[1]
        if isinstance(raised, Refusal):
            error = raised.error
        else:
            error = EnfyraError(_KINDS.get(status_code, "INTERNAL_SERVER_ERROR"))
        self.set_status(error.status)
        self.set_header("Content-Type", "application/json")
        body = error_body(
            error,
            path=self.request.path[len(self._prefix) :] or "/",
            method=self.request.method or "",
            correlation_id="",
        )
        self.finish(encode_json(body))
