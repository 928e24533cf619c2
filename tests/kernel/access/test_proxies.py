"""Where a request comes from: what trusted proxies say, and nothing that others do."""

from __future__ import annotations

import pytest
from enfyra_kernel.access.proxies import Proxies
from enfyra_kernel.networks import Networks

PROXY = "10.0.0.1"
CLIENT = "192.0.2.7"
TRUSTED = Networks(["10.0.0.0/8", "fd00::/8"])


def origin(peer: str, header: str = "x-forwarded-for", /, **headers: str) -> tuple[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return tuple(Proxies(TRUSTED, header).origin(peer, "http", named))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (CLIENT, CLIENT),
        # What the client has made up stands before what the proxy has seen.
        (f"6.6.6.6, {CLIENT}", CLIENT),
        (f"10.6.6.6, {CLIENT}", CLIENT),
        (f"127.0.0.1,{CLIENT},10.0.0.9", CLIENT),
        (f"{CLIENT}, 10.0.0.9, fd00::3", CLIENT),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        (f"{CLIENT}:4711", CLIENT),
        ("::ffff:192.0.2.7", CLIENT),
        # Nobody but proxies: the one furthest away.
        ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        # What is no address is nobody's, and neither is what is before it.
        (f"{CLIENT}, unknown", PROXY),
        (f"{CLIENT}, unknown, 10.0.0.9", "10.0.0.9"),
        ("", PROXY),
        (",,,", PROXY),
        ("192.0.2.7\r\nx: y", PROXY),
        ("192.0.2.7 10.0.0.1", PROXY),
    ],
)
def test_the_last_address_that_is_no_proxy_is_the_clients(said: str, expected: str) -> None:
    assert origin(PROXY, x_forwarded_for=said)[0] == expected


def test_what_others_say_is_ignored() -> None:
    for peer in (CLIENT, "", "0.0.0.0", "no address"):
        told = {
            "x_forwarded_for": "6.6.6.6",
            "x_forwarded_proto": "https",
            "forwarded": "for=6.6.6.6",
        }
        assert origin(peer, **told) == (peer, "http")
        assert origin(peer, "forwarded", **told) == (peer, "http")
    # A trusted proxy adds to one header; another one came from the client.
    assert origin(PROXY, forwarded="for=6.6.6.6") == (PROXY, "http")
    assert origin(PROXY, "forwarded", x_forwarded_for="6.6.6.6") == (PROXY, "http")


@pytest.mark.parametrize(
    ("addresses", "schemes", "expected"),
    [
        (CLIENT, "https", "https"),
        (CLIENT, "HTTPS", "https"),
        (CLIENT, "https, http", "http"),
        (f"{CLIENT}, 10.0.0.9", "https, http", "https"),
        (f"{CLIENT}, 10.0.0.9", "https", "https"),
        (CLIENT, "gopher", "http"),
        (CLIENT, "", "http"),
    ],
)
def test_the_scheme_is_that_of_the_clients_call(
    addresses: str, schemes: str, expected: str
) -> None:
    told = {"x_forwarded_for": addresses, "x_forwarded_proto": schemes}
    assert origin(PROXY, **told) == (CLIENT, expected)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("for=192.0.2.7", (CLIENT, "http")),
        ("For=192.0.2.7;Proto=https;by=10.0.0.1", (CLIENT, "https")),
        ('for=6.6.6.6, for="192.0.2.7:4711";proto=https, for=10.0.0.9', (CLIENT, "https")),
        ('for="[2001:db8::7]:80"', ("2001:db8::7", "http")),
        ('for="a, for=6.6.6.6", for=192.0.2.7', (CLIENT, "http")),
        ("for=unknown", (PROXY, "http")),
        ("for=_hidden", (PROXY, "http")),
        ("proto=https", (PROXY, "http")),
        ('for="6.6.6.6', (PROXY, "http")),
        ("for=6.6.6.6; ;", (PROXY, "http")),
        ("=", (PROXY, "http")),
    ],
)
def test_the_header_of_the_standard_is_read(said: str, expected: tuple[str, str]) -> None:
    assert origin(PROXY, "forwarded", forwarded=said) == expected


def test_a_list_without_end_is_not_followed() -> None:
    assert origin(PROXY, x_forwarded_for=f"{CLIENT}," + "10.0.0.9," * 5000 + "10.0.0.8")[0] == (
        "10.0.0.9"
    )
