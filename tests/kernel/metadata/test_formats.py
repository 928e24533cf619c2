"""Formats and patterns: what they take, what they refuse, and how long they look."""

from __future__ import annotations

import pytest
from enfyra_kernel.metadata.formats import FORMATS
from enfyra_kernel.metadata.patterns import MAX_LENGTH, TooLongForPattern, pattern

GOOD = {
    "email": ["ann@example.org", "a.b+c@sub.example.co.uk", "o'neil@x.io", "jürgen@bücher.de"],
    "url": [
        "https://example.org",
        "http://localhost:8080/a?b=c#d",
        "https://192.0.2.7/x",
        "http://[2001:db8::7]/",
        "https://bücher.de/straße",
    ],
    "uuid": ["0190b5a4-6d3e-7c1e-8a5b-0123456789ab", "0190B5A4-6D3E-7C1E-8A5B-0123456789AB"],
    "ip": ["192.0.2.7", "::1"],
    "ipv4": ["0.0.0.0", "255.255.255.255"],
    "ipv6": ["::", "2001:db8::7", "::ffff:192.0.2.7"],
    "cidr": ["192.0.2.0/24", "2001:db8::/32", "192.0.2.7/32"],
    "hostname": ["localhost", "www.example.org", "a-b.c", "3com.com"],
    "slug": ["a", "my-page", "2026-11-20"],
    "date": ["2026-11-20", "2024-02-29"],
    "time": ["13:45", "13:45:00", "13:45:00.5", "13:45Z", "13:45:00+02:00"],
    "datetime": ["2026-11-20T13:45Z", "2026-11-20T13:45:00.123456", "2026-11-20T13:45:00-05:00"],
    "phone": ["+4930123456", "+49 30 123456", "+1 (555) 010-9999", "+1-555-010-9999"],
    "color": ["#fff", "#1E90ff", "#1e90ff80"],
}
BAD = {
    "email": [
        "",
        "ann",
        "@example.org",
        "ann@",
        "ann@localhost",
        "a..b@example.org",
        ".a@example.org",
        "ann@-example.org",
        "ann@example-.org",
        "ann @example.org",
        "ann@example.org\n",
        "a" * 65 + "@example.org",
    ],
    "url": [
        "",
        "example.org",
        "ftp://example.org",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://exa mple.org",
        "https://example.org/\n",
        "http://[::1",
        "http://example.org:99999",
        "http://example.org:0",
        "http://-x.org",
    ],
    "uuid": ["", "0190b5a46d3e7c1e8a5b0123456789ab", "{0190b5a4-6d3e-7c1e-8a5b-0123456789ab}", "x"],
    "ip": ["", "256.1.1.1", "1.2.3", "fe80::1%eth0"],
    "ipv4": ["", "::1", "01.2.3.4", "1.2.3.4 ", "1.2.3.4/8"],
    "ipv6": ["", "1.2.3.4", ":::", "fe80::1%eth0"],
    "cidr": ["", "192.0.2.0", "192.0.2.0/33", "x/8"],
    "hostname": ["", ".", "a..b", "-a.org", "a-.org", "a_b.org", "a" * 64, "b" * 254, "a.org."],
    "slug": ["", "-a", "a-", "a--b", "A", "a_b", "ä"],
    "date": ["", "2026-11-31", "2025-02-29", "20261120", "2026-11-20T00:00", "٢٠٢٦-11-20"],
    "time": ["", "24:01", "13", "1:45", "13:45:61", "13:45 "],
    "datetime": ["", "2026-11-20", "2026-11-20 13:45", "2026-02-30T13:45", "T13:45"],
    "phone": ["", "030 123456", "+0301234567", "+1234", "+1234567890123456", "+49  -  30 123456"],
    "color": ["", "fff", "#ff", "#ggg", "red"],
}


def test_every_format_has_examples() -> None:
    assert set(GOOD) == set(BAD) == set(FORMATS)


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, texts in GOOD.items() for t in texts])
def test_a_text_of_the_format_is_taken(name: str, text: str) -> None:
    assert FORMATS[name].check(text)


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, texts in BAD.items() for t in texts])
def test_a_text_that_is_not_of_the_format_is_refused(name: str, text: str) -> None:
    assert not FORMATS[name].check(text)


@pytest.mark.parametrize(("source", "flags", "text", "found"), [
    ("b", "", "abc", True),
    ("^b", "", "abc", False),
    ("^abc$", "", "abc\n", False),
    ("^b$", "m", "a\nb\nc", True),
    ("ABC", "i", "xabcx", True),
    ("ÄB", "i", "äb", True),
    ("a.c", "", "a\nc", False),
    ("a.c", "s", "a\nc", True),
    (r"^\p{Lu}\d+$", "u", "Ä12", True),
    (r"^(?P<year>\d{4})", "", "2026", True),
])  # fmt: skip
def test_a_pattern_searches_as_its_flags_say(
    source: str, flags: str, text: str, found: bool
) -> None:
    assert pattern(source, flags)(text) is found


@pytest.mark.parametrize(("source", "flags"), [
    ("(", ""), ("[a", ""), (r"a(?=b)", ""), (r"(a)\1", ""), ("a{5000}", ""), ("(?<!a)b", ""),
    ("a" * (MAX_LENGTH + 1), ""), ("a", "g"), ("a", "ix"), ("\ud800", ""),
    (r"(?i)(?:[\p{L}\p{N}]{1,9}\s?){1,999}", ""),
])  # fmt: skip
def test_what_is_no_pattern_is_refused(source: str, flags: str) -> None:
    with pytest.raises(ValueError):
        pattern(source, flags)


@pytest.mark.parametrize(
    "source", ["^(a+)+$", "(a|a)*b", "(a*)*c", r"^([a-z0-9]+-?)+$", "(.*a){20}b"]
)
def test_no_pattern_looks_at_a_text_again_and_again(source: str) -> None:
    """An engine that goes back would need longer for these than the world will last."""
    search = pattern(source)
    assert search("a" * 20_000 + "!") is False


def test_a_text_too_long_for_a_slow_pattern_is_refused_at_once() -> None:
    search = pattern("(?:a?){500}a{500}b")
    with pytest.raises(TooLongForPattern, match="at most"):
        search("a" * 1_000_000)
    assert pattern("^#")("#" + "a" * 1_000_000)
