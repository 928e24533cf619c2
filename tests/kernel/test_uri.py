"""Database addresses: read whole, refused with a reason, never shown with their password."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from enfyra_kernel.uri import DatabaseUri
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.metadata.builders import property_test

parse = DatabaseUri.parse
SECRET = "Zq9Xw8"


def problem(text: str) -> str:
    with pytest.raises(ValueError) as caught:
        parse(text)
    return str(caught.value)


def test_all_parts_of_a_server_address_are_read() -> None:
    uri = parse("postgresql://ann:pw@db.local:6543/shop?sslmode=require&a=b%20c")
    assert (uri.engine, uri.host, uri.port, uri.database) == (
        "postgresql",
        "db.local",
        6543,
        "shop",
    )
    assert (uri.user, uri.password) == ("ann", "pw")
    assert uri.options == {"sslmode": "require", "a": "b c"}


@pytest.mark.parametrize(
    ("scheme", "engine", "port"),
    [
        ("postgresql", "postgresql", 5432),
        ("postgres", "postgresql", 5432),
        ("postgresql+asyncpg", "postgresql", 5432),
        ("mysql", "mysql", 3306),
        ("mariadb", "mysql", 3306),
        ("mysql+asyncmy", "mysql", 3306),
    ],
)
def test_engines_have_several_spellings_and_a_default_port(
    scheme: str, engine: str, port: int
) -> None:
    uri = parse(f"{scheme}://host/db")
    assert (uri.engine, uri.port) == (engine, port)


def test_user_and_password_can_be_left_out() -> None:
    uri = parse("mysql://host/db")
    assert (uri.user, uri.password) == ("", "")
    assert uri.redacted == "mysql://host:3306/db"


def test_an_ipv6_host_stands_in_brackets() -> None:
    uri = parse("postgresql://ann@[::1]:6543/db")
    assert (uri.host, uri.port) == ("::1", 6543)


def test_a_database_name_can_be_encoded() -> None:
    assert parse("mysql://host/my%20shop").database == "my shop"


def test_a_relative_sqlite_file_lies_below_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse("sqlite:///data/shop.db").path == tmp_path / "data" / "shop.db"


def test_an_absolute_sqlite_file_has_four_slashes() -> None:
    assert parse("sqlite:////var/lib/shop.db").path == Path("/var/lib/shop.db")


def test_a_sqlite_file_below_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert parse("sqlite:///~/shop.db").path == Path("/home/ann/shop.db")


def test_a_sqlite_file_with_a_space_and_options() -> None:
    uri = parse("sqlite:///my%20shop.db?timeout=5")
    assert uri.path.name == "my shop.db"
    assert uri.options == {"timeout": "5"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs the form engine://"),
        ("shop.db", "needs the form engine://"),
        ("/shop.db", "needs the form engine://"),
        ("postgresql:host/db", "needs the form engine://"),
        ("://", "has an unknown engine. Known are"),
        ("oracle://host/db", "unknown engine 'oracle'"),
        ("postgrsql://host/db", "Did you mean 'postgresql'?"),
        ("SQLITE:///x.db", "Did you mean 'sqlite'?"),
        ("sqlite://", "needs a file"),
        ("sqlite:///", "needs a file"),
        ("sqlite://shop.db", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("postgresql://", "names no host"),
        ("postgresql:///db", "names no host"),
        ("postgresql://ann:pw@/db", "names no host"),
        ("postgresql://host", "names no database"),
        ("postgresql://host/", "names no database"),
        ("postgresql://host/a/b", "names no database"),
        ("postgresql://host:port/db", "has a port that is not a number"),
        ("postgresql://host:65536/db", "has a port that is not a number"),
        ("postgresql://host:-1/db", "has a port that is not a number"),
        ("postgresql://ann:p@ss@host/db", "more than one @"),
        ("postgresql://host/db#part", "has a # in it"),
    ],
)
def test_a_malformed_address_says_what_is_wrong(text: str, said: str) -> None:
    assert said in problem(text)


@pytest.mark.parametrize("text", ["sqlite:///a%00b.db", "postgresql://host/a%00b"])
def test_a_nul_character_is_refused(text: str) -> None:
    assert problem(text)


# -- passwords ------------------------------------------------------------------------------------

SPECIAL = "@:/?#[]%&=+,;!$^{}|~<>\"'`\\ \t\n\r\x00\x7f\u00e9\uff0f\uff1a\u2100\U0001f600"


def read_or_refused(text: str) -> DatabaseUri | str:
    """Give the address, or the reason why it is none."""
    try:
        return parse(text)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("char", SPECIAL, ids=lambda char: f"U+{ord(char):04X}")
def test_a_password_that_is_not_encoded_is_understood_or_refused_unseen(char: str) -> None:
    password = f"{SECRET}{char}{SECRET}"
    result = read_or_refused(f"postgresql://ann:{password}@host/db")
    assert SECRET not in f"{result} {result!r}"
    if isinstance(result, DatabaseUri):
        assert result.password == password
        assert SECRET not in result.redacted


def test_brackets_in_a_password_do_not_show_it() -> None:
    assert SECRET not in problem(f"postgresql://ann:a[{SECRET}]b@host/db")


@pytest.mark.parametrize(
    "text",
    [
        f"ann:{SECRET}@postgresql://host/db",
        f"postgresql:ann:{SECRET}@host/db",
        f"postgresql:/ann:{SECRET}@host/db",
        f"postgresql://ann:{SECRET}@host",
        f"postgresql://ann:{SECRET}@host:port/db",
        f"postgresql://ann:{SECRET}@host/db#{SECRET}",
        f"postgresql://ann@{SECRET}@host/db",
    ],
)
def test_no_message_repeats_what_may_be_a_password(text: str) -> None:
    assert SECRET not in problem(text)


@given(st.text(st.characters(codec="utf-8"), min_size=1))
@property_test
def test_an_encoded_password_is_read_exactly(password: str) -> None:
    uri = parse(f"postgresql://ann:{quote(password, safe='')}@host/db")
    assert uri.password == password


@given(st.text(st.characters(codec="utf-8"), min_size=1))
@property_test
def test_an_address_is_shown_without_its_password(password: str) -> None:
    plain = parse(f"postgresql://ann:{quote(SECRET + password, safe='')}@host/db")
    assert plain.redacted == "postgresql://ann:***@host:5432/db"
    assert repr(plain) == "DatabaseUri('postgresql://ann:***@host:5432/db')"


@given(st.text())
@property_test
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    assert read_or_refused(f"postgresql://{text}")
