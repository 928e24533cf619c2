"""Scripts fetch from the public internet, and from nowhere else."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.scripts.helpers import Budget, FetchAllowList, Fetcher
from enfyra_kernel.scripts.helpers.addresses import is_public
from enfyra_kernel.scripts.helpers.outgoing import FetchOptions

from tests.web import Web

pytestmark = pytest.mark.asyncio

TEXT = FetchOptions(response_type="text", timeout_ms=5000)


class Names:
    """A resolver: what each name leads to, the next list at each question; it notes who asked."""

    def __init__(self, **names: Any) -> None:
        self._names = {name.replace("_", "."): iter(answers) for name, answers in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return next(self._names[host])


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    web.gives("/", b"secret")
    yield web
    web.stop()


@pytest_asyncio.fixture
async def closed() -> AsyncIterator[list[Fetcher]]:
    """Fetchers that are closed at the end."""
    fetchers: list[Fetcher] = []
    yield fetchers
    for one in fetchers:
        await one.stop()


@pytest.fixture
def fetcher(closed: list[Fetcher]) -> Any:
    def make(*allowed: str, resolve: Names | None = None) -> Fetcher:
        closed.append(Fetcher(FetchAllowList(allowed), resolve=resolve))
        return closed[-1]

    return make


async def refused(fetcher: Fetcher, url: str) -> EnfyraError:
    with pytest.raises(EnfyraError) as caught:
        await fetcher.fetch(url, TEXT, Budget())
    return caught.value


# -- addresses ------------------------------------------------------------------------------------

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200",
    "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.0.1",
    "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1",
    "2001::1", "2001:0:7f00:1::", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255",
    "2606:4700:4700::1111", "2a00:1450:4001:800::200e", "2001:4860:4860::8888",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_private_address_is_refused(fetcher: Any, address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    error = await refused(fetcher(), f"http://{host}/")
    assert (error.code, error.status) == ("FETCH_FORBIDDEN", 403)
    assert "ENFYRA_FETCH_ALLOW" in error.hint


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_to_a_private_address_is_refused(
    fetcher: Any, address: str
) -> None:
    for found in ([address], ["8.8.8.8", address], [address, "2606:4700:4700::1111"]):
        names = Names(api_example=[found])
        error = await refused(fetcher(resolve=names), "http://api.example/")
        assert error.code == "FETCH_FORBIDDEN"
        # What the name leads to is nothing for the script to know.
        assert address not in f"{error.message} {error.details} {error.hint}"


@pytest.mark.parametrize("address", PUBLIC)
async def test_an_address_of_the_internet_is_none_of_these(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "0x7f.0.0.1", "127.1", "127.0.1",
     "127.0.0.1.", "127.0.0.01", "0", "0.0", "1.2.3", "0xa9fea9fe", "[fe80::1%25eth0]",
     "[::1%251]", "a b", "a%2eb", "exa%6dple.com", "-a", "a..b", ".a", "1\u2024\u20240\u20241",
     "\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.0.0.1", "x" * 64 + ".example",
     ".".join(["x" * 60] * 5), "localhost:80@127.0.0.1"],
    ids=ascii,
)  # fmt: skip
async def test_odd_spellings_are_refused_before_anybody_is_asked(fetcher: Any, host: str) -> None:
    names = Names()
    error = await refused(fetcher(resolve=names), f"http://{host}/")
    assert error.code in {"FETCH_FORBIDDEN", "INVALID_ARGUMENT"}
    assert not names.asked


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "localhost."])
async def test_the_systems_names_for_itself_are_refused(fetcher: Any, web: Web, name: str) -> None:
    error = await refused(fetcher(), web.url("/", host=name))
    # Not every system knows the last of them.
    assert error.code in {"FETCH_FORBIDDEN", "FETCH_FAILED"}
    assert not web.seen


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "data:,x", "//x/",
     "unix:///run/x.sock", "javascript:1", "HTTPX://example.com/", "ws://example.com/"],
)  # fmt: skip
async def test_other_schemes_are_refused(fetcher: Any, url: str) -> None:
    assert (await refused(fetcher(), url)).code == "FETCH_FORBIDDEN"


async def test_a_name_that_nobody_knows(fetcher: Any) -> None:
    error = await refused(fetcher(resolve=Names(no_example=[[]])), "http://no.example/")
    assert (error.code, error.message) == ("FETCH_FAILED", "There is no host no.example")


# -- rebinding ------------------------------------------------------------------------------------


async def test_a_name_is_asked_once_and_the_connection_goes_where_the_answer_said(
    fetcher: Any, web: Web
) -> None:
    """The system knows no such name: only the address that was checked can have been used."""
    names = Names(rebinding_example=[["127.0.0.1"], ["10.0.0.1"]])
    fetching = fetcher(f"127.0.0.1:{web.port}", resolve=names)
    url = web.url("/", host="rebinding.example")
    assert await fetching.fetch(url, TEXT, Budget()) == "secret"
    assert names.asked == ["rebinding.example"]
    assert web.seen[0].headers["host"] == f"rebinding.example:{web.port}"
    # The next time it is asked and checked anew.
    assert (await refused(fetching, url)).code == "FETCH_FORBIDDEN"
    assert len(web.seen) == 1


async def test_the_next_address_is_tried_when_one_does_not_answer(fetcher: Any) -> None:
    names = Names(two_example=[["::1", "127.0.0.1"]])
    fetching = fetcher("127.0.0.1", "::1", resolve=names)
    try:
        ipv6 = Web(ipv6=True)
    except OSError:
        pytest.skip("the machine has no IPv6")
    ipv6.gives("/", b"of IPv6")
    try:
        # Nothing listens on that port of IPv4's address.
        answer = await fetching.fetch(ipv6.url("/", host="two.example"), TEXT, Budget())
    finally:
        ipv6.stop()
    assert answer == "of IPv6"


# -- redirects ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "to",
    ["http://127.0.0.1:{other}/", "http://localhost:{other}/", "http://169.254.169.254/latest/",
     "http://inside.example/", "http://2130706433:{other}/", "file:///etc/passwd",
     "http://[::ffff:127.0.0.1]:{other}/", "//127.0.0.1:{other}/"],
)  # fmt: skip
async def test_a_redirect_into_the_network_is_refused(fetcher: Any, web: Web, to: str) -> None:
    other = Web()
    names = Names(
        outside_example=[["127.0.0.1"]],
        inside_example=[["10.0.0.1"]],
        localhost=[["127.0.0.1"]],
    )
    fetching = fetcher(f"127.0.0.1:{web.port}", resolve=names)
    web.redirects("/out", to.format(other=other.port))
    error = await refused(fetching, web.url("/out", host="outside.example"))
    other.stop()
    assert error.code == "FETCH_FORBIDDEN"
    assert len(web.seen) == 1
    assert not other.seen


# -- what an operator allows ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ("127.0.0.1:{port}", True), ("127.0.0.1", True), ("127.0.0.0/8", True),
        ("127.0.0.0/8:{port}", True), ("inside.example:{port}", True), ("Inside.Example.", True),
        ("127.0.0.1:1", False), ("127.0.0.2", False), ("example", False),
        ("side.example", False), ("inside.example:1", False), ("[::1]:{port}", False),
    ],
)  # fmt: skip
async def test_an_allowed_host(fetcher: Any, web: Web, entry: str, allowed: bool) -> None:
    names = Names(inside_example=[["127.0.0.1"]])
    fetching = fetcher(entry.format(port=web.port), resolve=names)
    url = web.url("/", host="inside.example")
    if allowed:
        assert await fetching.fetch(url, TEXT, Budget()) == "secret"
    else:
        assert (await refused(fetching, url)).code == "FETCH_FORBIDDEN"
        assert not web.seen


@pytest.mark.parametrize("entry", ["", "http://a", "a/b", "10.0.0.1/8", "10.0.0.5:x", "a b", "1.2"])
async def test_entries_that_mean_nothing_stop_the_start(entry: str) -> None:
    with pytest.raises(EnfyraError, match="ENFYRA_FETCH_ALLOW") as caught:
        FetchAllowList([entry])
    assert caught.value.code == "CONFIGURATION_ERROR"


# -- the environment ------------------------------------------------------------------------------


async def test_proxies_of_the_environment_are_not_asked(
    fetcher: Any, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Web()
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url(""))
    fetching = fetcher("127.0.0.1")
    assert await fetching.fetch(web.url("/"), TEXT, Budget()) == "secret"
    proxy.stop()
    assert not proxy.seen


async def test_a_netrc_is_not_read(
    fetcher: Any, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login ann password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    await fetcher("127.0.0.1").fetch(web.url("/"), TEXT, Budget())
    assert "authorization" not in web.seen[0].headers


# -- TLS ------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> Path:
    """Make a certificate that is its own authority, and its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / f"{name}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


async def test_the_certificate_has_to_be_that_of_the_name(
    fetcher: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificate(tmp_path, "right.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    web = Web(context=context)
    web.gives("/", b"secret")
    names = Names(right_example=[["127.0.0.1"]], wrong_example=[["127.0.0.1"]])
    fetching = fetcher("127.0.0.1", resolve=names)
    try:
        url = web.url("/", host="right.example", scheme="https")
        assert await fetching.fetch(url, TEXT, Budget()) == "secret"
        for host in ("wrong.example", "127.0.0.1"):
            error = await refused(fetching, web.url("/", host=host, scheme="https"))
            assert error.message == f"{host} cannot be reached (ConnectError)"
    finally:
        web.stop()
    assert len(web.seen) == 1
