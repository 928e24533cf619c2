"""Origins and patterns of origins: what is let in, and what is refused when saved."""

from __future__ import annotations

import time

import pytest
from enfyra_kernel.access.origins import Origins, Welcome, origin_problem

LISTED = Welcome.LISTED


@pytest.mark.parametrize(
    ("listed", "origin", "expected"),
    [
        ("https://shop.example.com", "https://shop.example.com", LISTED),
        ("https://Shop.Example.com", "https://shop.example.com", LISTED),
        ("https://shop.example.com", "http://shop.example.com", None),
        ("https://shop.example.com", "https://shop.example.com:8443", None),
        ("https://shop.example.com", "https://shop.example.com.evil.net", None),
        ("https://shop.example.com", "https://shopXexample.com", None),
        ("https://*.example.com", "https://a.example.com", LISTED),
        ("https://*.example.com", "https://example.com", None),
        ("https://*.example.com", "https://a.b.example.com", None),
        ("https://*.example.com", "https://evil.net/.example.com", None),
        ("https://*.example.com", "https://evil.net#.example.com", None),
        ("https://*.example.com", "https://a.example.com.evil.net", None),
        ("https://*.example.com", "https://aXexample.com", None),
        ("https://*.example.com", "https://a@evil.net.example.com", None),
        ("https://*.example.com", "https://a.example.com\n", None),
        ("https://shop-*.vercel.app", "https://shop-git-main.vercel.app", LISTED),
        ("https://shop-*.vercel.app", "https://evil.vercel.app", None),
        ("http://localhost:*", "http://localhost:5173", LISTED),
        ("http://localhost:*", "http://localhost", LISTED),
        ("http://localhost:*", "http://localhost:5173.evil.net", None),
        ("http://[::1]:3000", "http://[::1]:3000", LISTED),
        ("capacitor://localhost", "capacitor://localhost", LISTED),
        ("*", "https://anybody.example", Welcome.ANYBODY),
        ("*", "null", Welcome.ANYBODY),
        ("https://shop.example.com", "null", None),
        ("https://shop.example.com", "", None),
        # What should have been refused lets in nobody.
        ("https://*", "https://anybody.example", None),
        ("null", "null", None),
    ],
)
def test_origins(listed: str, origin: str, expected: Welcome | None) -> None:
    assert Origins([listed]).welcome(origin) == expected


def test_a_listed_origin_is_listed_though_all_are_let_in() -> None:
    origins = Origins(["*", "https://shop.example.com"])
    assert origins.welcome("https://shop.example.com") is LISTED
    assert origins.welcome("https://other.example.com") is Welcome.ANYBODY
    assert origins.differ
    assert not Origins(["*"]).differ
    assert not Origins([])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://example.com/", "without a path: https://example.com"),
        ("https://example.com/app?x=1", "without a path: https://example.com"),
        ("https://example.com:443", "without the port 443"),
        ("http://example.com:80", "as browsers send it: http://example.com"),
        ("http://example.com:99999", "has a port that there is not"),
        ("example.com", "must look like https://shop.example.com"),
        ("https://", "must look like"),
        ("", "must look like"),
        ("https://user:pw@example.com", "must look like"),
        ("https://exämple.com", "must look like"),
        ("https://a b.com", "must look like"),
        ("https://a.com\r\nX-Evil: 1", "must look like"),
        ("https://" + "a" * 300 + ".com", "must look like"),
        ("null", "cannot be null"),
        ("https://*", "far too much"),
        ("https://*.com", "far too much"),
        ("https://a.*.com", "far too much"),
        ("https://*.*.example.com", "one * in its host"),
    ],
)
def test_what_lets_in_nobody_or_everybody_by_mistake_is_told(text: str, told: str) -> None:
    assert told in (origin_problem(text) or "")


def test_a_pattern_takes_no_time_whatever_is_held_against_it() -> None:
    origins = Origins([f"https://a{number}-*.example.com" for number in range(100)])
    began = time.process_time()
    for _ in range(100):
        origins.welcome("https://a7-" + "a-" * 80 + ".example.co")
    assert time.process_time() - began < 1
