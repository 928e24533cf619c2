"""What scripts fetch, and how much of it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.scripts.helpers import Budget, FetchAllowList, Fetcher
from enfyra_kernel.scripts.helpers.call import Call
from enfyra_kernel.scripts.helpers.outgoing import FetchOptions

from tests.web import Reply, Web

pytestmark = pytest.mark.asyncio


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.stop()


class Fetching:
    """Fetches with the options as a script gives them, each time with the same budget."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self.budget = Budget()

    async def __call__(self, url: str, **options: Any) -> Any:
        read = Call("helpers.fetch", [url, options]).options(1, FetchOptions)
        return await self._fetcher.fetch(url, read, self.budget)


@pytest_asyncio.fixture
async def fetch() -> AsyncIterator[Fetching]:
    fetcher = Fetcher(FetchAllowList(["127.0.0.1"]))
    yield Fetching(fetcher)
    await fetcher.stop()


async def refusal(fetching: Any) -> EnfyraError:
    with pytest.raises(EnfyraError) as caught:
        await fetching
    return caught.value


# -- what is sent ---------------------------------------------------------------------------------


async def test_a_get(web: Web, fetch: Fetching) -> None:
    told = await fetch(
        web.url("/echo?a=1"), query={"b": [1, True], "c": "ü &", "d": None},
        headers={"X-Key": "k", "Accept": "application/json"},
    )  # fmt: skip
    assert told["method"] == "GET"
    assert told["query"] == [["a", "1"], ["b", "1"], ["b", "true"], ["c", "ü &"]]
    headers = told["headers"]
    assert headers["host"] == f"127.0.0.1:{web.port}"
    assert (headers["x-key"], headers["accept"]) == ("k", "application/json")
    assert headers["user-agent"].startswith("Enfyra-Kernel/")
    assert "content-length" not in headers


@pytest.mark.parametrize("method", ["post", "PUT", "PATCH", "DELETE"])
async def test_a_body_is_sent_as_json(web: Web, fetch: Fetching, method: str) -> None:
    told = await fetch(web.url("/echo"), method=method, body={"a": ["ü"]})
    assert told["method"] == method.upper()
    assert told["headers"]["content-type"] == "application/json"
    assert told["body"] == '{"a":["ü"]}'


async def test_a_body_is_sent_as_text_or_as_a_form(web: Web, fetch: Fetching) -> None:
    text = await fetch(web.url("/echo"), method="POST", body="<a/>",
                       headers={"content-type": "application/xml"})  # fmt: skip
    assert (text["body"], text["headers"]["content-type"]) == ("<a/>", "application/xml")
    form = await fetch(
        web.url("/echo"), method="POST", body={"a": "1 2", "b": ["x", "y"]},
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert form["body"] == "a=1+2&b=x&b=y"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"timeout": 5}, "has no option 'timeout'. Did you mean 'timeoutMs'?"),
        ({"method": "TRACE"}, "there is no 'TRACE'"),
        ({"method": "PSOT"}, "Did you mean 'POST'?"),
        ({"headers": {"Host": "other"}}, "'Host' is not for scripts"),
        ({"headers": {"Proxy-Authorization": "x"}}, "'Proxy-Authorization' is not for scripts"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "is not for scripts"),
        ({"headers": {"a": "b\r\nHost: other"}}, "is not a header"),
        ({"headers": {"a\n": "b"}}, "is not a header"),
        ({"headers": {"a": ["b"]}}, "option 'headers"),
        ({"query": {"a": {"b": 1}}}, "'a' must be a text, number or boolean"),
        ({"body": {}}, "a GET request has none"),
        ({"method": "POST", "body": "x" * 1_000_001}, "more than 1000000 bytes"),
        ({"timeoutMs": 30_001}, "option 'timeoutMs'"),
        ({"maxBytes": 0}, "option 'maxBytes'"),
        ({"maxRedirects": 4}, "option 'maxRedirects'"),
        ({"maxRequests": 11}, "option 'maxRequests'"),
        ({"responseType": "xml"}, "option 'responseType'"),
    ],
    ids=str,
)  # fmt: skip
async def test_options_that_do_not_fit(
    web: Web, fetch: Fetching, options: dict[str, Any], problem: str
) -> None:
    error = await refusal(fetch(web.url("/echo"), **options))
    assert (error.code, error.status) == ("INVALID_ARGUMENT", 400)
    assert problem in error.message
    assert not web.seen


@pytest.mark.parametrize(
    "url", ["", "/echo", "http://", "http:///x", "http://ann:pw@127.0.0.1/", "http://127.0.0.1:0/",
            "http://127.0.0.1:99999/", "http://[::1/", "http://a\n/", "http://x/" + "y" * 8000],
)  # fmt: skip
async def test_addresses_that_are_none(fetch: Fetching, url: str) -> None:
    error = await refusal(fetch(url))
    assert error.code in {"INVALID_ARGUMENT", "FETCH_FORBIDDEN"}


# -- what is answered -----------------------------------------------------------------------------


async def test_answers_as_json_text_and_bytes(web: Web, fetch: Fetching) -> None:
    web.gives("/json", b'{"a":[1,null]}')
    web.gives("/latin", "né".encode("latin-1"), headers={"Content-Type": "text/x; charset=latin-1"})
    web.gives("/odd", b"\xff\xfe", headers={"Content-Type": "text/x; charset=punycode"})
    web.gives("/empty", status=204)
    assert await fetch(web.url("/json")) == {"a": [1, None]}
    assert await fetch(web.url("/empty")) is None
    assert await fetch(web.url("/json"), responseType="text") == '{"a":[1,null]}'
    assert await fetch(web.url("/latin"), responseType="text") == "né"
    assert await fetch(web.url("/odd"), responseType="text") == "\ufffd\ufffd"
    told = await fetch(web.url("/odd"), responseType="arrayBuffer")
    assert base64.b64decode(told) == b"\xff\xfe"
    assert await fetch(web.url("/json"), method="HEAD", responseType="text") == ""


async def test_what_is_no_json_says_so(web: Web, fetch: Fetching) -> None:
    web.gives("/html", b"<html>")
    error = await refusal(fetch(web.url("/html")))
    assert (error.code, error.details) == ("FETCH_FAILED", {"body": "<html>"})
    assert "127.0.0.1 answered with something that is no JSON" in error.message
    assert "responseType" in error.hint


async def test_an_error_has_the_status_and_the_beginning_of_the_body(
    web: Web, fetch: Fetching
) -> None:
    web.gives("/bad", b"x" * 1_500_000, 422)
    web.gives("/gone", b'{"why":"gone"}', 410)
    error = await refusal(fetch(web.url("/gone")))
    assert (error.code, error.status) == ("FETCH_FAILED", 502)
    assert error.message == "127.0.0.1 answered 410"
    assert error.details == {"host": "127.0.0.1", "status": 410, "body": '{"why":"gone"}'}
    error = await refusal(fetch(web.url("/bad")))
    assert (error.details["status"], error.details["body"]) == (422, "x" * 1000)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)],
)
async def test_packed_answers(web: Web, fetch: Fetching, encoding: str, pack: Any) -> None:
    text = b'"' + bytes(range(48, 91)) * 20_000 + b'"'
    text = text.replace(b"\\", b"-")
    web.gives("/packed", pack(text), headers={"Content-Encoding": encoding})
    assert await fetch(web.url("/packed"), responseType="text") == text.decode()
    assert web.seen[0].headers["accept-encoding"] == "gzip"


async def test_several_packed_texts_in_one_answer(web: Web, fetch: Fetching) -> None:
    packed = gzip.compress(b"[1,") + gzip.compress(b"2]")
    web.gives("/packed", packed, headers={"Content-Encoding": "gzip"})
    assert await fetch(web.url("/packed")) == [1, 2]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", b"not packed"), ("gzip", gzip.compress(b"x" * 1000, mtime=0)[:-9]), ("br", b"x")],
)
async def test_what_cannot_be_unpacked(
    web: Web, fetch: Fetching, encoding: str, body: bytes
) -> None:
    web.gives("/packed", body, headers={"Content-Encoding": encoding})
    error = await refusal(fetch(web.url("/packed")))
    assert error.code == "FETCH_FAILED"


async def test_a_server_that_is_not_there_or_speaks_another_language(fetch: Fetching) -> None:
    web = Web()
    web.stop()
    error = await refusal(fetch(web.url("/")))
    assert error.message == "127.0.0.1 cannot be reached (ConnectError)"


# -- limits ---------------------------------------------------------------------------------------


def large(size: int, *, announced: bool) -> Reply:
    headers = {"Content-Length": str(size)} if announced else {}
    return Reply(b"x" * size, headers=headers)


@pytest.mark.parametrize("announced", [True, False])
async def test_an_answer_may_have_so_many_bytes(web: Web, fetch: Fetching, announced: bool) -> None:
    web.answers["/fits"] = lambda _: large(1000, announced=announced)
    web.answers["/not"] = lambda _: large(1001, announced=announced)
    assert await fetch(web.url("/fits"), maxBytes=1000, responseType="text") == "x" * 1000
    error = await refusal(fetch(web.url("/not"), maxBytes=1000, responseType="text"))
    assert error.code == "FETCH_FAILED"
    assert error.message == "127.0.0.1 answered with more than 1000 bytes"


async def test_a_million_bytes_are_the_default(web: Web, fetch: Fetching) -> None:
    web.answers["/not"] = lambda _: large(1_000_001, announced=False)
    assert "1000000 bytes" in (await refusal(fetch(web.url("/not")))).message


async def test_a_bomb_is_not_unpacked(web: Web, fetch: Fetching) -> None:
    bomb = await asyncio.to_thread(gzip.compress, b"\0" * 30_000_000, 1)
    web.gives("/bomb", bomb, headers={"Content-Encoding": "gzip"})
    error = await refusal(fetch(web.url("/bomb"), responseType="text"))
    assert "more than 1000000 bytes" in error.message
    # Little more was unpacked than was wanted.
    assert fetch.budget.left("fetched bytes") >= 900_000


async def test_packed_text_that_unpacks_to_nothing_is_bounded_too(
    web: Web, fetch: Fetching
) -> None:
    squeeze = zlib.compressobj()
    nothing = b"".join(squeeze.flush(zlib.Z_FULL_FLUSH) for _ in range(3))
    web.gives("/nothing", nothing + b"\0\0\0\xff\xff" * 10_000,
              headers={"Content-Encoding": "deflate"})  # fmt: skip
    error = await refusal(fetch(web.url("/nothing"), maxBytes=20_000))
    assert error.code == "FETCH_FAILED"


async def test_a_server_that_does_not_answer_is_given_up(web: Web, fetch: Fetching) -> None:
    web.hangs("/hangs")
    error = await refusal(fetch(web.url("/hangs"), timeoutMs=100))
    assert (error.code, error.status) == ("FETCH_TIMEOUT", 504)
    assert error.message == "127.0.0.1 took longer than 100 ms"


async def test_the_time_is_for_all_redirects_together(web: Web, fetch: Fetching) -> None:
    web.redirects("/first", "/hangs")
    web.hangs("/hangs")
    error = await refusal(fetch(web.url("/first"), timeoutMs=300))
    assert error.code == "FETCH_TIMEOUT"
    assert [one.path for one in web.seen] == ["/first", "/hangs"]


async def test_a_request_may_fetch_so_often(web: Web, fetch: Fetching) -> None:
    web.redirects("/twice", "/echo")
    for _ in range(4):
        await fetch(web.url("/twice"))
    await fetch(web.url("/echo"))
    await fetch(web.url("/echo"))
    error = await refusal(fetch(web.url("/echo")))
    assert error.code == "BUDGET_EXCEEDED"
    assert error.message == "The scripts of one request may use 10 fetches, and want more"
    assert len(web.seen) == 10


async def test_a_request_may_fetch_so_much(web: Web, fetch: Fetching) -> None:
    web.answers["/large"] = lambda _: large(800_000, announced=True)
    for _ in range(2):
        await fetch(web.url("/large"), responseType="text")
    error = await refusal(fetch(web.url("/large"), responseType="text"))
    assert error.code == "BUDGET_EXCEEDED"
    assert error.details == {"what": "fetched bytes", "limit": 2_000_000}


async def test_a_script_may_want_less(web: Web, fetch: Fetching) -> None:
    await fetch(web.url("/echo"), maxRequests=1)
    assert (await refusal(fetch(web.url("/echo"), maxRequests=1))).code == "BUDGET_EXCEEDED"
    assert (await refusal(fetch(web.url("/echo"), maxTotalBytes=5))).code == "BUDGET_EXCEEDED"


# -- redirects ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [(301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"),
     (301, "PUT", "PUT"), (307, "POST", "POST"), (308, "POST", "POST")],
)  # fmt: skip
async def test_a_redirect_keeps_or_changes_the_method(
    web: Web, fetch: Fetching, status: int, method: str, becomes: str
) -> None:
    web.redirects("/first", "/echo?x=1", status)
    body = {} if method == "HEAD" else {"body": {"a": 1}}
    await fetch(web.url("/first"), method=method, headers={"authorization": "k"}, **body)
    last = web.seen[-1]
    assert (last.method, last.query) == (becomes, [("x", "1")])
    assert last.body == (b'{"a":1}' if becomes == method and body else b"")
    assert ("content-type" in last.headers) == bool(last.body)
    assert last.headers["authorization"] == "k"


async def test_keys_do_not_go_to_another_origin(web: Web, fetch: Fetching) -> None:
    other = Web()
    web.redirects("/first", other.url("/echo"))
    sent = {"Authorization": "k", "Cookie": "c", "X-Api-Key": "x", "Accept": "text/plain"}
    try:
        told = await fetch(web.url("/first"), headers=sent)
    finally:
        other.stop()
    assert told["headers"]["accept"] == "text/plain"
    assert not {"authorization", "cookie", "x-api-key"} & set(told["headers"])
    assert web.seen[0].headers["x-api-key"] == "x"


async def test_only_so_many_redirects_are_followed(web: Web, fetch: Fetching) -> None:
    for number in range(4):
        web.redirects(f"/{number}", f"/{number + 1}")
    web.gives("/4", b"1")
    assert await fetch(web.url("/1")) == 1
    error = await refusal(fetch(web.url("/0")))
    assert error.message == "127.0.0.1 redirects more than 3 times"
    error = await refusal(fetch(web.url("/3"), maxRedirects=0))
    assert error.code == "FETCH_FAILED"


async def test_a_redirect_to_nonsense(web: Web, fetch: Fetching) -> None:
    web.redirects("/first", "http://[::1/")
    assert (await refusal(fetch(web.url("/first")))).code in {"FETCH_FAILED", "INVALID_ARGUMENT"}


async def test_nothing_is_remembered_from_one_fetch_to_the_next(web: Web, fetch: Fetching) -> None:
    web.answers["/in"] = lambda _: Reply(b"1", headers={"Set-Cookie": "a=1; Path=/"})
    await fetch(web.url("/in"))
    assert "cookie" not in (await fetch(web.url("/echo")))["headers"]
