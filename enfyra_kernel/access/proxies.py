"""Where a request comes from, if there are proxies in front: what they say counts, and nobody else.

A client can send any header. A proxy adds the address that it was called from at the end of the
list, so that the list is read from its end, for as long as those who wrote it are trusted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ..networks import Address, Networks, parse_address

FORWARDED = "forwarded"
PROTO = "x-forwarded-proto"
# More proxies than that are not one behind the other.
_MOST_HOPS = 32
_SCHEMES = frozenset({"http", "https"})
_PAIR = re.compile(r"""\s*([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*(;|,|$)""")


class Origin(NamedTuple):
    """Where a request comes from.

    Attributes:
        ip: The client's address.
        scheme: `http` or `https`: how the client has called.
    """

    ip: str
    scheme: str


class _Hop(NamedTuple):
    """What a proxy says of who called it."""

    address: str
    scheme: str | None = None


class Proxies:
    """The proxies that are believed.

    Args:
        networks: Where they are.
        header: The header that they add to, in lower case.

    Example:
        >>> proxies = Proxies(Networks(["10.0.0.0/8"]), "x-forwarded-for")
        >>> told = {"x-forwarded-for": "6.6.6.6, 192.0.2.7, 10.0.0.2", "x-forwarded-proto": "https"}
        >>> proxies.origin("10.0.0.1", "http", told)
        Origin(ip='192.0.2.7', scheme='https')
        >>> proxies.origin("192.0.2.9", "http", told)
        Origin(ip='192.0.2.9', scheme='http')
    """

    def __init__(self, networks: Networks, header: str) -> None:
        self._networks = networks
        self._header = header

    def __bool__(self) -> bool:
        return bool(self._networks)

    def origin(self, peer: str, scheme: str, headers: Mapping[str, str]) -> Origin:
        """Say where a request comes from.

        Args:
            peer: The address that has connected.
            scheme: How it has.
            headers: By name in lower case; a repeated one as a list with commas.
        """
        if parse_address(peer) not in self._networks:
            return Origin(peer, scheme)
        hops = self._hops(headers)
        origin = Origin(peer, scheme)
        for hop in reversed(hops[-_MOST_HOPS:]):
            address = _address(hop.address)
            if address is None:
                # Nobody knows who that is: it was called by the proxy before at the least.
                return origin
            told = hop.scheme.lower() if hop.scheme is not None else None
            origin = Origin(str(address), told if told in _SCHEMES else origin.scheme)
            if address not in self._networks:
                return origin
        return origin

    def _hops(self, headers: Mapping[str, str]) -> list[_Hop]:
        value = headers.get(self._header)
        if value is None:
            # A proxy that tells of the scheme alone.
            return []
        if self._header == FORWARDED:
            return _forwarded(value)
        addresses = [one.strip() for one in value.split(",")]
        schemes = [one.strip() for one in headers.get(PROTO, "").split(",") if one.strip()]
        count = len(addresses)
        return [
            _Hop(address, _of_hop(schemes, count - 1 - number))
            for number, address in enumerate(addresses)
        ]


def _of_hop(schemes: list[str], behind: int) -> str | None:
    """Give the scheme that a proxy has noted: each adds one to the list, or replaces it."""
    if not schemes:
        return None
    return schemes[-1 - behind] if behind < len(schemes) else schemes[0]


def _forwarded(value: str) -> list[_Hop]:
    """Read the header of RFC 7239; what is not of that form is of nobody.

    Example:
        >>> _forwarded('for="[2001:db8::1]:4711";proto=https, for=10.0.0.2')
        [_Hop(address='[2001:db8::1]:4711', scheme='https'), _Hop(address='10.0.0.2', scheme=None)]
    """
    hops: list[_Hop] = []
    pairs: dict[str, str] = {}
    position = 0
    while position < len(value):
        found = _PAIR.match(value, position)
        if found is None:
            return [*hops, _Hop("")]
        pairs[found[1].lower()] = re.sub(r"\\(.)", r"\1", found[2].strip('"'))
        position = found.end()
        if found[3] != ";":
            hops.append(_Hop(pairs.get("for", ""), pairs.get("proto")))
            pairs = {}
    return hops


def _address(text: str) -> Address | None:
    """Read an address that may have a port."""
    if text.startswith("["):
        inside, _, _ = text[1:].partition("]")
        return parse_address(inside)
    if text.count(":") == 1:
        text = text.partition(":")[0]
    return parse_address(text)
