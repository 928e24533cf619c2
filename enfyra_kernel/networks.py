"""Internet addresses and networks: read from text, and looked up among many at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
_MAPPED = IPv6Network("::ffff:0:0/96")
_LONGEST = 80


def parse_address(text: str) -> Address | None:
    """Read an address, or give None for what is none.

    One of IPv4 that is written as one of IPv6 is the former; a zone is left out.

    Example:
        >>> parse_address("::ffff:192.0.2.1"), parse_address("fe80::1%eth0"), parse_address("x")
        (IPv4Address('192.0.2.1'), IPv6Address('fe80::1'), None)
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """Read a network, or an address as the network that holds it alone.

    Raises:
        ValueError: What is wrong with it, and what might have been meant.

    Example:
        >>> parse_network("10.0.0.0/8"), parse_network("2001:db8::1")
        (IPv4Network('10.0.0.0/8'), IPv6Network('2001:db8::1/128'))
        >>> parse_network("10.0.0.1/8")
        Traceback (most recent call last):
        ValueError: '10.0.0.1/8' has bits behind the prefix; write 10.0.0.0/8
    """
    shown = text.strip()[:_LONGEST]
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(
            f"'{shown}' is no address or network; write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32"
        ) from None
    if ip_address(text.strip().partition("/")[0]) != network.network_address:
        raise ValueError(f"'{shown}' has bits behind the prefix; write {network}")
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        low = int(network.network_address) & 0xFFFFFFFF
        return IPv4Network((low, network.prefixlen - 96))
    return network


@dataclass(frozen=True, slots=True)
class _Ranges:
    """Numbers in ranges that do not touch, by their first and last ones."""

    firsts: tuple[int, ...]
    lasts: tuple[int, ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]]) -> _Ranges:
        firsts: list[int] = []
        lasts: list[int] = []
        for first, last in sorted(pairs):
            if lasts and first <= lasts[-1] + 1:
                lasts[-1] = max(lasts[-1], last)
            else:
                firsts.append(first)
                lasts.append(last)
        return cls(tuple(firsts), tuple(lasts))

    def __contains__(self, number: int) -> bool:
        position = bisect_right(self.firsts, number) - 1
        return position >= 0 and number <= self.lasts[position]


class Networks:
    """A set of networks; to look an address up takes the same time however many there are.

    Example:
        >>> networks = Networks(["10.0.0.0/8", "2001:db8::/32"])
        >>> [parse_address(one) in networks for one in ("10.9.8.7", "2001:db8::1", "11.0.0.1")]
        [True, True, False]
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Read networks.

        Raises:
            ValueError: as `parse_network`.
        """
        networks = [parse_network(text) for text in texts]
        pairs = {
            version: _Ranges.of(
                (int(one.network_address), int(one.broadcast_address))
                for one in networks
                if one.version == version
            )
            for version in (4, 6)
        }
        self._four, self._six = pairs[4], pairs[6]

    def __bool__(self) -> bool:
        return bool(self._four.firsts or self._six.firsts)

    def __contains__(self, address: Address | None) -> bool:
        if address is None:
            return False
        return int(address) in (self._four if address.version == 4 else self._six)


def client_of(address: Address) -> str:
    """Give the text by which a client is counted: with IPv6, the network of /64 that is all his.

    Example:
        >>> client_of(IPv4Address("192.0.2.1")), client_of(IPv6Address("2001:db8::1:2:3:4"))
        ('192.0.2.1', '2001:db8::/64')
    """
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))
