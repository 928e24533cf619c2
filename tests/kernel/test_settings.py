"""Settings: read from the environment and a .env file, checked whole before anything starts."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.settings import Settings, names_of_fields, variables
from pydantic import ValidationError

SECRET = "Zq9Xw8"


def load(**environment: str) -> Settings:
    return Settings.load(environment, dotenv=None)


def problems(**environment: str) -> list[str]:
    """Give the lines of the one message about settings that are not valid."""
    with pytest.raises(EnfyraError) as caught:
        load(**environment)
    assert caught.value.code == "CONFIGURATION_ERROR"
    first, *rest = caught.value.message.splitlines()
    assert first == "The settings are not valid:"
    return [line.strip() for line in rest]


def written(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text)
    return path


KEY = "k" * 32


@pytest.mark.parametrize(("keys", "said"), [
    ("short", "ENFYRA_ENCRYPTION_KEYS: each key must have at least 32 characters"),
    (f"{KEY},short", "ENFYRA_ENCRYPTION_KEYS: each key must have at least 32 characters"),
    (f"{KEY},{KEY}", "ENFYRA_ENCRYPTION_KEYS: a key is there twice"),
    (" , ", "ENFYRA_ENCRYPTION_KEYS: holds no key"),
])  # fmt: skip
def test_keys_for_encryption_are_checked(keys: str, said: str) -> None:
    assert problems(ENFYRA_ENCRYPTION_KEYS=keys) == [said]


def test_keys_for_encryption_are_separated_by_commas() -> None:
    settings = load(ENFYRA_ENCRYPTION_KEYS=f"{KEY}, {KEY}2")
    assert settings.keys_for_encryption() == (KEY, f"{KEY}2")
    assert KEY not in repr(settings)


# -- what is read ---------------------------------------------------------------------------------


def test_without_any_setting_there_is_an_embedded_database() -> None:
    settings = load()
    assert settings.db_uri.redacted == "sqlite:///enfyra.db"
    assert (settings.host, settings.port) == ("127.0.0.1", 1105)
    assert settings.redis_uri is None
    assert settings.db_replica_uris == ()


def test_the_environment_is_read_by_the_documented_names() -> None:
    settings = load(
        DB_URI="postgresql://ann:p%40ss@db/shop",
        DB_REPLICA_URIS="postgresql://r1/shop, postgresql://r2/shop,",
        DB_READ_FROM_MASTER="true",
        REDIS_URI="redis://:pw@cache:6379/0",
        NODE_NAME="shop.eu-1",
        SECRET_KEY="k" * 16,
        ADMIN_EMAIL="ann@shop.example",
        ADMIN_PASSWORD="pw",
        PORT="8080",
        ENFYRA_HOST="0.0.0.0",
        ENFYRA_URL="https://central.example/",
        ENFYRA_LOG_LEVEL="debug",
    )
    assert settings.db_uri.password == "p@ss"
    assert [one.host for one in settings.db_replica_uris] == ["r1", "r2"]
    assert settings.db_read_from_master is True
    assert settings.redis_uri is not None
    assert settings.redis_uri.get_secret_value() == "redis://:pw@cache:6379/0"
    assert settings.node_name == "shop.eu-1"
    assert settings.admin_email == "ann@shop.example"
    assert settings.port == 8080
    assert settings.url == "https://central.example"
    assert settings.log_level == "debug"


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    settings = load(DB_URI="", PORT="", ADMIN_PASSWORD="", REDIS_URI="")
    assert settings == load()


def test_variables_of_other_programs_are_none_of_our_business() -> None:
    assert load(DB_HOST="x", REDIS_URL="x", ADMIN_NAME="x", PATH="x", HOME="x") == load()


def test_the_environment_wins_over_the_file_and_arguments_over_both(tmp_path: Path) -> None:
    path = written(tmp_path, "PORT=1\nENFYRA_MAX_LIMIT=11\nNODE_NAME=file\n")
    settings = Settings.load({"PORT": "2", "NODE_NAME": "env"}, dotenv=path, port=3)
    assert (settings.port, settings.node_name, settings.max_limit) == (3, "env", 11)


def test_a_file_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    assert Settings.load({}, dotenv=tmp_path / ".env") == load()


def test_a_file_may_have_quotes_comments_and_export(tmp_path: Path) -> None:
    path = written(tmp_path, '# ours\nexport NODE_NAME="a"\nPORT = 8080 # the port\n\n')
    settings = Settings.load({}, dotenv=path)
    assert (settings.node_name, settings.port) == ("a", 8080)


def test_the_process_environment_is_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NODE_NAME", "from-the-process")
    assert Settings.load().node_name == "from-the-process"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load().port = 5


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"DB_URI": "mysq://h/d"}, "DB_URI: has an unknown engine 'mysq'. Did you mean 'mysql'?"),
        ({"DB_URI": "shop.db"}, "DB_URI: needs the form engine://"),
        (
            {"ENFYRA_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.1/8"},
            "ENFYRA_TRUSTED_PROXIES: '10.0.0.1/8' has bits behind the prefix; write 10.0.0.0/8",
        ),
        ({"ENFYRA_PROXY_HEADER": "a: b"}, "ENFYRA_PROXY_HEADER: must be the name of a header"),
        ({"DB_REPLICA_URIS": "postgresql://h/d,nonsense"}, "DB_REPLICA_URIS: needs the form"),
        (
            {"DB_REPLICA_URIS": "sqlite:///b.db"},
            "DB_REPLICA_URIS: has no meaning for sqlite; read replicas are for PostgreSQL",
        ),
        (
            {"DB_URI": "mongodb://h/d", "DB_REPLICA_URIS": "mongodb://r/d"},
            "DB_REPLICA_URIS: has no meaning for mongodb; read replicas are for PostgreSQL",
        ),
        ({"DB_REPLICA_MAX_LAG": "0"}, "DB_REPLICA_MAX_LAG: "),
        ({"DB_READ_FROM_MASTER": "maybe"}, "DB_READ_FROM_MASTER: "),
        ({"REDIS_URI": "http://cache"}, "REDIS_URI: must start with redis://"),
        ({"REDIS_URI": "redis://"}, "REDIS_URI: names no host"),
        ({"REDIS_URI": "localhost:6379"}, "REDIS_URI: must start with redis://"),
        ({"REDIS_URI": "redis://cache:port"}, "REDIS_URI: "),
        ({"NODE_NAME": "a b"}, "NODE_NAME: must be letters"),
        ({"NODE_NAME": "a:b"}, "NODE_NAME: must be letters"),
        ({"NODE_NAME": "x" * 129}, "NODE_NAME: must be letters"),
        ({"NODE_NAME": "\u0430"}, "NODE_NAME: must be letters"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY: "),
        ({"ADMIN_EMAIL": "ann"}, "ADMIN_EMAIL: "),
        ({"ADMIN_EMAIL": "ann@"}, "ADMIN_EMAIL: "),
        ({"ADMIN_EMAIL": "a b@c"}, "ADMIN_EMAIL: "),
        ({"PORT": "http"}, "PORT: "),
        ({"PORT": "-1"}, "PORT: "),
        ({"PORT": "65536"}, "PORT: "),
        ({"PORT": "80.5"}, "PORT: "),
        ({"PORT": "9" * 5000}, "PORT: "),
        ({"ENFYRA_URL": "central.example"}, "ENFYRA_URL: must be an http:// or https:// address"),
        ({"ENFYRA_URL": "ftp://central"}, "ENFYRA_URL: must be an http:// or https:// address"),
        ({"ENFYRA_URL": "http://central:port"}, "ENFYRA_URL: "),
        ({"ENFYRA_LOG_LEVEL": "loud"}, "ENFYRA_LOG_LEVEL: "),
        ({"ENFYRA_MAX_LIMIT": "0"}, "ENFYRA_MAX_LIMIT: "),
        ({"ENFYRA_DB_POOL_SIZE": "0"}, "ENFYRA_DB_POOL_SIZE: "),
        ({"ENFYRA_DB_TIMEOUT": "0"}, "ENFYRA_DB_TIMEOUT: "),
        ({"ENFYRA_DB_TIMEOUT": "nan"}, "ENFYRA_DB_TIMEOUT: "),
        ({"ENFYRA_DB_TIMEOUT": "inf"}, "ENFYRA_DB_TIMEOUT: "),
        ({"ENFYRA_SCHEMA_LOCK_WAIT": "-1"}, "ENFYRA_SCHEMA_LOCK_WAIT: "),
        ({"ENFYRA_SCHEMA_LOCK_WAIT": "inf"}, "ENFYRA_SCHEMA_LOCK_WAIT: "),
        ({"ENFYRA_REFRESH_INTERVAL": "0"}, "ENFYRA_REFRESH_INTERVAL: "),
        ({"ENFYRA_REFRESH_INTERVAL": "inf"}, "ENFYRA_REFRESH_INTERVAL: "),
    ],
    ids=lambda given: "-".join(map(str, given.values()))[:40] if isinstance(given, dict) else None,
)
def test_a_malformed_value_is_named(environment: dict[str, str], said: str) -> None:
    (problem,) = problems(**environment)
    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("replicas", "said"),
    [
        (
            f"mysql://ann:{SECRET}@r1/shop",
            "names mysql://ann:***@r1:3306/shop, but DB_URI is of the engine postgresql",
        ),
        (f"sqlite:///copy.db,postgresql://ann:{SECRET}@r1/shop", "names sqlite:///copy.db, but"),
        (
            f"postgresql://bob:{SECRET}@DB:5432/shop",
            "names postgresql://bob:***@db:5432/shop, which is DB_URI itself; "
            "with DB_READ_FROM_MASTER=true the primary takes its turn",
        ),
        (
            f"postgresql://ann:{SECRET}@r1/shop,postgresql://bob@r1:5432/shop",
            "names postgresql://bob@r1:5432/shop twice",
        ),
    ],
)
def test_what_can_be_no_replica_is_named_without_its_password(replicas: str, said: str) -> None:
    (problem,) = problems(DB_URI="postgresql://db/shop", DB_REPLICA_URIS=replicas)
    assert problem.startswith(f"DB_REPLICA_URIS: {said}")
    assert SECRET not in problem


def test_an_unknown_setting_of_ours_is_named_with_the_nearest_one() -> None:
    assert problems(ENFYRA_MAX_LIMT="5") == [
        "ENFYRA_MAX_LIMT: there is no such setting. Did you mean 'ENFYRA_MAX_LIMIT'?"
    ]


def test_one_message_names_all_problems() -> None:
    found = problems(
        ENFYRA_COLOUR="red", ENFYRA_MAX_LIMT="5", PORT="http", DB_URI="x", SECRET_KEY="short"
    )
    assert sorted(problem.partition(":")[0] for problem in found) == [
        "DB_URI",
        "ENFYRA_COLOUR",
        "ENFYRA_MAX_LIMT",
        "PORT",
        "SECRET_KEY",
    ]


@pytest.mark.parametrize("name", ["DB_URL", "REDIS_URL", "ADMIN_MAIL", "ENFYRA_PORT"])
def test_in_our_own_file_a_near_miss_is_a_mistake(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, f"{name}=x\n")
    with pytest.raises(EnfyraError, match=f"{name}: there is no such setting"):
        Settings.load({}, dotenv=path)


def test_a_file_that_is_no_text_is_a_problem_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"NODE_NAME=\xff\xfe\n")
    with pytest.raises(EnfyraError) as caught:
        Settings.load({}, dotenv=path)
    assert caught.value.code == "CONFIGURATION_ERROR"


def test_arguments_are_checked_like_variables() -> None:
    with pytest.raises(EnfyraError, match="PORT"):
        Settings.load({}, dotenv=None, port="http")


def test_an_argument_that_is_no_setting_is_a_mistake() -> None:
    with pytest.raises((EnfyraError, TypeError, KeyError), match="colour"):
        Settings.load({}, dotenv=None, colour="red")


# -- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environment",
    [
        {"DB_URI": f"postgresql://ann:a[{SECRET}]b@h/d"},
        {"DB_URI": f"postgresql://ann:{SECRET}\uff0f@h/d"},
        {"DB_URI": f"postgresql://ann:{SECRET}@x@h/d"},
        {"DB_REPLICA_URIS": f"postgresql://ann:{SECRET},{SECRET}@h/d"},
        {"REDIS_URI": f"redis://:a[{SECRET}]b@h"},
        {"REDIS_URI": f"redis://:{SECRET}\uff0f@h"},
        {"REDIS_URI": f"rdis://:{SECRET}@h"},
        {"SECRET_KEY": SECRET},
        {"ADMIN_EMAIL": SECRET},
        {"ENFYRA_URL": f"http://ann:a[{SECRET}]b@h"},
    ],
)
def test_a_refused_value_is_not_repeated(environment: dict[str, str]) -> None:
    assert SECRET not in "\n".join(problems(**environment))


def test_settings_are_shown_without_secrets() -> None:
    settings = load(
        DB_URI=f"postgresql://ann:{SECRET}@h/d",
        REDIS_URI=f"redis://:{SECRET}@h",
        SECRET_KEY=SECRET * 3,
        ADMIN_PASSWORD=SECRET,
        ENFYRA_TOKEN=SECRET,
    )
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)


# -- the signing key ------------------------------------------------------------------------------


def at(path: Path, **more: Any) -> Settings:
    return Settings.load({}, dotenv=None, db_uri=f"sqlite:///{path}", **more)


def test_a_key_that_is_given_is_used(tmp_path: Path) -> None:
    assert at(tmp_path / "a.db", secret_key="k" * 20).signing_key() == "k" * 20
    assert list(tmp_path.iterdir()) == []


def test_for_sqlite_a_key_is_made_and_kept(tmp_path: Path) -> None:
    first = at(tmp_path / "a.db").signing_key()
    assert len(first) >= 32
    assert at(tmp_path / "a.db").signing_key() == first
    assert at(tmp_path / "b.db").signing_key() != first


def test_the_key_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    at(tmp_path / "a.db").signing_key()
    (path,) = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_folder_of_the_key_is_made(tmp_path: Path) -> None:
    assert at(tmp_path / "new" / "folder" / "a.db").signing_key()


def test_several_starting_at_once_agree_on_the_key(tmp_path: Path) -> None:
    settings = at(tmp_path / "a.db")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: settings.signing_key(), range(32)))
    assert len(keys) == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("uri", ["postgresql://h/d", "mysql://h/d"])
def test_with_a_database_server_a_key_must_be_given(uri: str) -> None:
    with pytest.raises(EnfyraError, match="SECRET_KEY must be set") as caught:
        load(DB_URI=uri).signing_key()
    assert caught.value.code == "CONFIGURATION_ERROR"


# -- documentation --------------------------------------------------------------------------------


def test_every_setting_has_a_variable_and_says_what_it_is_for() -> None:
    assert len(variables()) == len(names_of_fields()) == len(Settings.model_fields)
    for name, purpose in variables().items():
        assert name == name.upper()
        assert purpose.endswith(".") or ":" in purpose


def test_the_names_of_the_seeds_are_there() -> None:
    assert {
        "DB_URI", "DB_REPLICA_URIS", "DB_READ_FROM_MASTER", "REDIS_URI", "NODE_NAME",
        "SECRET_KEY", "ADMIN_EMAIL", "ADMIN_PASSWORD", "PORT",
    } <= set(variables())  # fmt: skip


def test_everything_else_begins_with_enfyra() -> None:
    seeds = ("DB_", "REDIS_", "NODE_NAME", "SECRET_KEY", "ADMIN_", "PORT")
    assert all(name.startswith(("ENFYRA_", *seeds)) for name in variables())


def test_lists_are_separated_by_commas() -> None:
    settings = load(
        ENFYRA_FETCH_ALLOW="10.0.0.5:8080, internal.example,", ENFYRA_PACKAGE_ALLOW="acme-*"
    )
    assert settings.fetch_allow == ("10.0.0.5:8080", "internal.example")
    assert settings.package_allow == ("acme-*",)


def test_the_data_folder_is_beside_the_database_unless_it_is_named() -> None:
    assert load(DB_URI="sqlite:////srv/shop.db").data_folder() == Path("/srv/shop.db.data")
    assert load(DB_URI="postgresql://u:p@h/d").data_folder() == Path("enfyra-data")
    named = load(DB_URI="sqlite:////srv/shop.db", ENFYRA_DATA_DIR="/var/lib/enfyra")
    assert named.data_folder() == Path("/var/lib/enfyra")
