"""Which hosts scripts may fetch from: those of the public internet, and what an operator allows."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import EnfyraError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Written out, and not asked of `ipaddress`, whose lists differ between versions of Python.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' networks, and the metadata of one cloud
        "127.0.0.0/8",
        "168.63.129.16/32",  # the metadata of another cloud, at an address that looks public
        "169.254.0.0/16",  # link-local, and the metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        # Of IPv6 only what has been given to the public internet is looked at; see `is_public`.
        "2001::/23",  # Teredo and other tunnels, which hold addresses of IPv4
        "2001:db8::/32",
        "2002::/16",  # 6to4, likewise
        "3fff::/20",
    )
)
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.IGNORECASE)
# What the system's resolver takes for an address of IPv4 written in an odd way.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_LONGEST_NAME = 253


def is_public(address: Address) -> bool:
    """Say whether an address is one of the public internet.

    Addresses of IPv6 that hold one of IPv4 are not, whatever that one is.

    Example:
        >>> [is_public(ipaddress.ip_address(one)) for one in ("93.184.216.34", "::ffff:8.8.8.8")]
        [True, False]
    """
    if address.version == 6 and address not in _PUBLIC_IPV6:
        return False
    # An address is in no network of the other version.
    return not any(address in network for network in _NOT_PUBLIC)


def literal_address(host: str) -> Address | None:
    """Read a host that is an address; None for a name.

    Raises:
        EnfyraError: FETCH_FORBIDDEN when it is neither, such as `0x7f000001` or `127.1`.

    Example:
        >>> literal_address("10.0.0.5"), literal_address("example.com")
        (IPv4Address('10.0.0.5'), None)
    """
    try:
        if "%" not in host:
            return ipaddress.ip_address(host)
    except ValueError:
        pass
    name = host.rstrip(".")
    if (
        not _NAME.fullmatch(host)
        or len(name) > _LONGEST_NAME
        or _NUMBER.fullmatch(name.rpartition(".")[2])
    ):
        raise EnfyraError("FETCH_FORBIDDEN", f"'{host}' is not the name of a host", hint="")
    return None


@dataclass(frozen=True, slots=True)
class _Entry:
    network: Network | None
    name: str
    port: int | None

    def meets(self, host: str, port: int, address: Address) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address in self.network
        return self.name == host


class FetchAllowList:
    """The hosts of private networks that an operator lets scripts fetch from.

    Args:
        entries: Each is an address, a network, or a name, perhaps with a port: `10.0.0.5:8080`,
            `10.1.0.0/16`, `[fd00::5]:80`, `internal.example`. An address or network allows every
            name that leads there; a name allows every address that it leads to.

    Raises:
        EnfyraError: CONFIGURATION_ERROR when an entry is none of these.

    Example:
        >>> allowed = FetchAllowList(["10.0.0.5:8080"])
        >>> allowed.permits("api.internal", 8080, ipaddress.ip_address("10.0.0.5"))
        True
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._entries = tuple(map(_parse, entries))

    def permits(self, host: str, port: int, address: Address) -> bool:
        """Say whether scripts may connect to an address that a host's name led to."""
        if is_public(address):
            return True
        host = host.rstrip(".").lower()
        return any(entry.meets(host, port, address) for entry in self._entries)


def _parse(text: str) -> _Entry:
    host, port = text.strip(), None
    found = re.fullmatch(r"(\[[^]]+\]|[^:]+):(\d{1,5})", host)
    if found is not None:
        host, port = found[1], int(found[2])
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    try:
        return _Entry(ipaddress.ip_network(host), "", port)
    except ValueError:
        name = host.rstrip(".").lower()
    if not _NAME.fullmatch(name) or _NUMBER.fullmatch(name.rpartition(".")[2]):
        raise EnfyraError(
            "CONFIGURATION_ERROR",
            f"ENFYRA_FETCH_ALLOW: {text!r} is no host, address or network, with or without a port",
        )
    return _Entry(None, name, port)
