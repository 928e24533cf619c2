"""Sets of networks, held against the standard library one by one."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from enfyra_kernel.networks import Networks, client_of, parse_address, parse_network


def test_membership_is_that_of_each_network_by_itself() -> None:
    chance = random.Random(7)
    four = [
        IPv4Network((chance.randrange(1 << 32), chance.randrange(8, 33)), strict=False)
        for _ in range(300)
    ]
    six = [
        IPv6Network((0x2001 << 112 | chance.randrange(1 << 40) << 72, chance.randrange(20, 129)),
                    strict=False)
        for _ in range(300)
    ]  # fmt: skip
    networks = Networks(str(one) for one in (*four, *six))
    addresses: list[IPv4Address | IPv6Address] = [
        IPv4Address(chance.randrange(1 << 32)) for _ in range(300)
    ]
    for one in (*four, *six):
        for edge in (int(one.network_address) - 1, int(one.broadcast_address) + 1):
            if 0 <= edge < 1 << one.max_prefixlen:
                addresses.append(ip_address(edge) if one.version == 4 else IPv6Address(edge))
        addresses += [one.network_address, one.broadcast_address]
    for address in addresses:
        expected = any(address in one for one in (*four, *six) if one.version == address.version)
        assert (address in networks) == expected, address


def test_ipv4_written_as_ipv6_is_ipv4() -> None:
    networks = Networks(["::ffff:10.0.0.0/104"])
    assert parse_address("::ffff:10.1.2.3") in networks
    assert parse_address("10.1.2.3") in networks
    assert parse_address("::ffff:0a01:0203") in networks
    assert parse_address("11.0.0.1") not in networks
    assert parse_address("no address") not in networks
    assert not Networks([])


@pytest.mark.parametrize(
    "garbage",
    ["", " ", "10.0.0.0/33", "10.0.0.300", "10.0.0", "2001:db8::/129", "2001:db8:::1", "::/-1",
     "10.0.0.0/8/8", "localhost", "10.0.0.0\r\nX: y", "١٠.0.0.1", "0x7f.1", "010.0.0.1", "1" * 500],
)  # fmt: skip
def test_garbage_is_no_network(garbage: str) -> None:
    with pytest.raises(ValueError, match="is no address or network") as caught:
        parse_network(garbage)
    assert len(str(caught.value)) < 250


def test_bits_behind_the_prefix_are_told() -> None:
    with pytest.raises(ValueError, match=r"write 2001:db8::/32"):
        parse_network("2001:db8::1/32")
    assert str(parse_network("2001:0DB8::/32")) == "2001:db8::/32"


def test_a_client_with_ipv6_is_a_network() -> None:
    assert client_of(IPv6Address("2001:db8::1")) == client_of(IPv6Address("2001:db8::ffff:1"))
    assert client_of(IPv6Address("2001:db8:0:1::1")) != client_of(IPv6Address("2001:db8::1"))
