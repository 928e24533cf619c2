"""The API over HTTP: nothing here that could not be done with curl."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from enfyra_kernel.version import VERSION

from .display import visible
from .hints import hint_for

ARROW = "application/vnd.apache.arrow.stream"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
# A load or a stream takes as long as it takes.
_PATIENT = httpx.Timeout(None, connect=10.0)


class ApiError(Exception):
    """What the server said was wrong, or why it could not be asked.

    Attributes:
        code: A code of the error catalogue; SERVER_UNREACHABLE and NOT_ENFYRA are made here.
        message: What happened.
        hint: What to do about it, or None.
        status: The HTTP status; 0 if there was no answer.
        details: Structured data for programs.
        correlation_id: What to look for in the server's log.
        request: The method and path of what was asked, without the query.

    Example:
        >>> error = ApiError("UNKNOWN_FIELD", "There is no 'titel'.", hint="Try 'title'.")
        >>> print(error)
        UNKNOWN_FIELD: There is no 'titel'. Try 'title'.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        status: int = 0,
        details: Any = None,
        correlation_id: str | None = None,
        request: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.status = status
        self.details = details
        self.correlation_id = correlation_id
        self.request = request

    def _render_traceback_(self) -> list[str]:
        """Tell a notebook that a paragraph says it all; `%enfyra last-error` has the rest."""
        return [visible(str(self))]

    def __str__(self) -> str:
        """Give one paragraph for a person."""
        parts = [f"{self.code}: {_sentence(self.message)}"]
        if self.hint:
            parts.append(_sentence(self.hint))
        if self.correlation_id:
            parts.append(f"(correlation id {self.correlation_id})")
        return " ".join(parts)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", ":")) else f"{text}."


class Client:
    """A connection to one server.

    Args:
        url: Where the API is: `http://localhost:1105`, or `.../enfyra` of a Jupyter Server.
        auth: Who is calling; see `credentials`. None is an anonymous caller.
        links: Where a browser finds it, if that is not `url`: a Jupyter Server is known to the
            browser under a name that the kernel cannot know, but by the same path.

    Example:
        >>> with Client("http://localhost:1105") as client:  # doctest: +SKIP
        ...     client.get("/post", limit=3)["data"]
    """

    def __init__(
        self, url: str, auth: httpx.Auth | None = None, *, links: str | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self.links = (links or url).rstrip("/")
        self.auth = auth
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        self._http = httpx.Client(
            auth=auth,
            timeout=_TIMEOUT,
            headers={"user-agent": f"enfyra-notebook/{VERSION}"},
            # Reading the certificates takes a third of a second that plain HTTP need not wait for.
            verify=secure,
            # A proxy in the environment knows nothing of this machine's own ports.
            trust_env=parts.hostname not in LOOPBACK,
        )

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    # -- JSON -----------------------------------------------------------------------------------

    def get(self, path: str, **params: Any) -> Any:
        """Give the answer to GET; parameters that are objects travel as JSON."""
        return self.send("GET", path, params=params)

    def post(self, path: str, body: Any, **params: Any) -> Any:
        """Give the answer to POST with a JSON body."""
        return self.send("POST", path, body=body, params=params)

    def patch(self, path: str, body: Any, **params: Any) -> Any:
        """Give the answer to PATCH with a JSON body."""
        return self.send("PATCH", path, body=body, params=params)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request and give the decoded answer, envelope and all.

        Raises:
            ApiError: What the server said; SERVER_UNREACHABLE if it said nothing.
        """
        return self._decoded(self._sent(method, path, body, params or {}, headers or {}))

    def record(self, path: str, **params: Any) -> tuple[dict[str, Any] | None, str | None]:
        """Give the first record that GET answers, if there is one, and its ETag, if it has one."""
        answer = self._sent("GET", path, None, {**params, "limit": 1}, {})
        rows = self._decoded(answer)["data"]
        return (rows[0] if rows else None), answer.headers.get("etag")

    def _sent(
        self,
        method: str,
        path: str,
        body: Any,
        params: Mapping[str, Any],
        headers: Mapping[str, str],
    ) -> httpx.Response:
        given = {} if body is None else {"json": body}
        with self._explained():
            answer = self._http.request(
                method, self.url + path, params=encoded(params), headers=dict(headers), **given
            )
        if answer.is_error:
            raise self._error(answer)
        return answer

    # -- Arrow ----------------------------------------------------------------------------------

    @contextmanager
    def stream(
        self, path: str, params: Mapping[str, Any], *, body: Any = None
    ) -> Generator[httpx.Response, None, None]:
        """Give the open answer as an Arrow stream: to GET, or to POST if there is a body.

        Raises:
            ApiError: Also when the stream breaks off, while the caller reads it.
        """
        given = {} if body is None else {"json": body}
        with (
            self._explained(),
            self._http.stream(
                "GET" if body is None else "POST",
                self.url + path,
                params=encoded(params),
                headers={"accept": ARROW},
                timeout=_PATIENT,
                **given,
            ) as answer,
        ):
            if answer.is_error:
                answer.read()
                raise self._error(answer)
            if not answer.headers.get("content-type", "").startswith(ARROW):
                raise ApiError(
                    "NOT_ACCEPTABLE",
                    f"{self.url} does not send Arrow streams",
                    hint="It may lack pyarrow: pip install 'enfyra-kernel[arrow]' there",
                )
            yield answer

    def load(self, path: str, pieces: Iterator[bytes], params: Mapping[str, Any]) -> Any:
        """Send an Arrow stream piece by piece; give what became of it."""
        with self._explained():
            answer = self._http.post(
                self.url + path,
                content=pieces,
                params=encoded(params),
                headers={"content-type": ARROW},
                timeout=_PATIENT,
            )
        if answer.is_error:
            raise self._error(answer)
        return self._decoded(answer)["data"]

    # -- what went wrong ------------------------------------------------------------------------

    @contextmanager
    def _explained(self) -> Generator[None, None, None]:
        if self._http.is_closed:
            raise ApiError(
                "SERVER_UNREACHABLE",
                f"The connection to {self.url} has been closed",
                hint="Run the cell again",
            )
        try:
            yield
        except httpx.TimeoutException:
            raise ApiError(
                "SERVER_UNREACHABLE", f"{self.url} took too long to answer", hint="Try again"
            ) from None
        except httpx.RemoteProtocolError:
            raise ApiError(
                "SERVER_UNREACHABLE",
                f"{self.url} broke the answer off",
                hint="The server's log may tell why",
            ) from None
        except UnicodeEncodeError:
            raise ApiError(
                "INVALID_VALUE", "A text has half a character in it, which cannot be sent"
            ) from None
        except httpx.HTTPError as error:
            raise ApiError(
                "SERVER_UNREACHABLE",
                f"{self.url} cannot be reached ({error or type(error).__name__})",
                hint="Is the server running? `%enfyra connect URL` connects to another one",
            ) from None

    def _decoded(self, answer: httpx.Response) -> Any:
        try:
            content = answer.json()
        except ValueError:
            raise self._stranger(answer) from None
        # A handler may answer with any JSON; only Enfyra gives each answer an id.
        if not isinstance(content, dict) and "x-correlation-id" not in answer.headers:
            raise self._stranger(answer)
        return content

    def _error(self, answer: httpx.Response) -> ApiError:
        try:
            error = answer.json()["error"]
            return ApiError(
                str(error["code"]),
                str(error["message"]),
                hint=hint_for(str(error["code"]), error.get("hint")),
                status=answer.status_code,
                details=error.get("details"),
                correlation_id=error.get("correlationId") or None,
                request=_named(answer),
            )
        except (ValueError, KeyError, TypeError):
            return self._stranger(answer)

    def _stranger(self, answer: httpx.Response) -> ApiError:
        return ApiError(
            "NOT_ENFYRA",
            f"{self.url} answered {answer.status_code}, but not as Enfyra does",
            hint="For a Jupyter Server, install enfyra-kernel[jupyter] in its environment and "
            "start it again",
            status=answer.status_code,
            request=_named(answer),
        )


def _named(answer: httpx.Response) -> str:
    return f"{answer.request.method} {answer.request.url.path}"


def encoded(params: Mapping[str, Any]) -> dict[str, str]:
    """Give query parameters as they travel; what is None is left out.

    Example:
        >>> encoded({"filter": {"n": {"_gt": 5}}, "limit": 3, "sort": None, "fields": ["a", "b"]})
        {'filter': '{"n":{"_gt":5}}', 'limit': '3', 'fields': 'a,b'}
    """
    result: dict[str, str] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            result[name] = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        elif isinstance(value, bool):
            result[name] = "true" if value else "false"
        elif isinstance(value, list | tuple):
            result[name] = ",".join(map(str, value))
        elif value is not None:
            result[name] = str(value)
    return result
