"""All settings: their names, limits and what they are for, and how they are loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ..errors import EnfyraError, did_you_mean
from ..uri import DatabaseUri, check_replicas
from . import values as read
from .keys import key_beside

MIN_KEY_LENGTH = 32
MIN_SIGNING_KEY_LENGTH = 16
_DATABASES = BeforeValidator(read.database_uris)
_SIGNING_KEYS = BeforeValidator(read.keys_of(MIN_SIGNING_KEY_LENGTH))
_ENCRYPTION_KEYS = BeforeValidator(read.keys_of(MIN_KEY_LENGTH))
# A stranger's DB_HOST in the environment is none of our business; in our own .env it is a mistake.
_OUR_ENVIRONMENT = ("ENFYRA_",)
_OUR_DOTENV = ("ENFYRA_", "DB_", "REDIS_", "ADMIN_")


class Settings(BaseModel):
    """Everything that is configured; each field's `alias` is its environment variable.

    Example:
        >>> settings = Settings.load({"DB_URI": "sqlite:///shop.db", "PORT": "8080"}, dotenv=None)
        >>> settings.port, settings.db_uri.redacted
        (8080, 'sqlite:///shop.db')
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, populate_by_name=True)

    db_uri: Annotated[DatabaseUri, BeforeValidator(read.database_uri)] = Field(
        default=DatabaseUri.parse("sqlite:///enfyra.db"),
        alias="DB_URI",
        description="The database: sqlite:///file.db, postgresql://..., mysql://... or mongodb://...",
    )
    db_replica_uris: Annotated[tuple[DatabaseUri, ...], _DATABASES] = Field(
        default=(),
        alias="DB_REPLICA_URIS",
        description="Read replicas of DB_URI, separated by commas.",
    )
    db_read_from_master: bool = Field(
        default=False,
        alias="DB_READ_FROM_MASTER",
        description="Let the primary take its turn in reading when there are replicas.",
    )
    db_replica_max_lag: float = Field(
        default=10.0,
        alias="DB_REPLICA_MAX_LAG",
        gt=0,
        allow_inf_nan=False,
        description="Seconds that a replica may be behind the primary before it is left out.",
    )
    redis_uri: Annotated[SecretStr | None, BeforeValidator(read.redis_uri)] = Field(
        default=None,
        alias="REDIS_URI",
        description="Redis, which several instances need to act as one.",
    )
    node_name: Annotated[str | None, BeforeValidator(read.node_name)] = Field(
        default=None,
        alias="NODE_NAME",
        description="Decorates Redis channels and keys; the same on all instances of a cluster.",
    )
    secret_key: Annotated[SecretStr | None, _SIGNING_KEYS] = Field(
        default=None,
        alias="SECRET_KEY",
        description="Signs tokens. Several keys, separated by commas: the first one signs, all are "
        "accepted. With SQLite one is made and kept beside the database's file.",
    )
    encryption_keys: Annotated[SecretStr | None, _ENCRYPTION_KEYS] = Field(
        default=None,
        alias="ENFYRA_ENCRYPTION_KEYS",
        description="Keys for encrypted columns, separated by commas: the first one encrypts, all "
        "decrypt. With SQLite one is made and kept beside the database's file.",
    )
    admin_email: str = Field(
        default="admin@enfyra.local",
        alias="ADMIN_EMAIL",
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="The first administrator's address, used at the first start only.",
    )
    admin_password: SecretStr | None = Field(
        default=None,
        alias="ADMIN_PASSWORD",
        min_length=1,
        description="The first administrator's password. Without one, a password is made up and "
        "printed once.",
    )
    port: int = Field(
        default=1105, alias="PORT", ge=0, le=65535, description="The port of `enfyra serve`."
    )
    host: str = Field(
        default="127.0.0.1", alias="ENFYRA_HOST", description="The address to listen on."
    )
    url: Annotated[str | None, BeforeValidator(read.http_url)] = Field(
        default=None,
        alias="ENFYRA_URL",
        description="A central Enfyra server. The Jupyter extension attaches to it instead of "
        "running its own.",
    )
    token: SecretStr | None = Field(
        default=None,
        alias="ENFYRA_TOKEN",
        description="The bearer token that notebooks use at ENFYRA_URL.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", alias="ENFYRA_LOG_LEVEL", description="What is logged; debug logs requests."
    )
    debug: bool = Field(
        default=False,
        alias="ENFYRA_DEBUG",
        description="Show everybody the logs and errors of scripts, not administrators alone.",
    )
    trusted_proxies: Annotated[tuple[str, ...], BeforeValidator(read.networks)] = Field(
        default=(),
        alias="ENFYRA_TRUSTED_PROXIES",
        description="Addresses and networks of proxies in front, separated by commas, such as "
        "`127.0.0.1,10.0.0.0/8`. What others say of where a request comes from is ignored.",
    )
    proxy_header: Annotated[str, BeforeValidator(read.header_name)] = Field(
        default="x-forwarded-for",
        alias="ENFYRA_PROXY_HEADER",
        description="The header to which the proxies add who called them: X-Forwarded-For, "
        "Forwarded, or another one with addresses.",
    )
    guards: bool = Field(
        default=True,
        alias="ENFYRA_GUARDS",
        description="Apply guards; `false` lets in somebody whom a guard has locked out.",
    )
    script_env: Annotated[tuple[str, ...], BeforeValidator(read.names)] = Field(
        default=(),
        alias="ENFYRA_SCRIPT_ENV",
        description="Names of environment variables that scripts may know as @ENV, separated by "
        "commas.",
    )
    max_limit: int = Field(
        default=10_000,
        alias="ENFYRA_MAX_LIMIT",
        ge=1,
        description="The most rows a JSON answer holds. Other formats are not capped.",
    )
    db_pool_size: int = Field(
        default=16,
        alias="ENFYRA_DB_POOL_SIZE",
        ge=1,
        le=1000,
        description="Connections to the database, for each process; replicas share them.",
    )
    db_timeout: float = Field(
        default=30.0,
        alias="ENFYRA_DB_TIMEOUT",
        gt=0,
        allow_inf_nan=False,
        description="Seconds after which the database gives up on a statement.",
    )
    upload_timeout: float = Field(
        default=60.0,
        alias="ENFYRA_UPLOAD_TIMEOUT",
        gt=0,
        allow_inf_nan=False,
        description="Seconds without a byte after which a load is given up.",
    )
    access_token_ttl: int = Field(
        default=900,
        alias="ENFYRA_ACCESS_TOKEN_TTL",
        ge=1,
        description="Seconds that an access token is valid.",
    )
    password_memory: int = Field(
        default=65_536,
        alias="ENFYRA_PASSWORD_MEMORY",
        ge=32,
        le=1 << 22,
        description="KiB of memory that hashing a password takes (Argon2id).",
    )
    password_passes: int = Field(
        default=3,
        alias="ENFYRA_PASSWORD_PASSES",
        ge=1,
        le=100,
        description="How often hashing a password goes through that memory.",
    )
    login_attempts: int = Field(
        default=10,
        alias="ENFYRA_LOGIN_ATTEMPTS",
        ge=0,
        le=10_000,
        description="Attempts to log in to one account without success, after which it is locked; "
        "0 for any number.",
    )
    login_attempts_per_ip: int = Field(
        default=100,
        alias="ENFYRA_LOGIN_ATTEMPTS_PER_IP",
        ge=0,
        le=1_000_000,
        description="Failed attempts to log in from one address, after which it has to wait; 0 for "
        "any number.",
    )
    password_reset_flow: str | None = Field(
        default=None,
        alias="ENFYRA_PASSWORD_RESET_FLOW",
        min_length=1,
        description="The flow that brings the token to whoever has forgotten a password; without "
        "one, passwords are not reset over the API.",
    )
    login_lockout: int = Field(
        default=900,
        alias="ENFYRA_LOGIN_LOCKOUT",
        ge=1,
        le=86_400,
        description="Seconds that attempts to log in are counted, and an account is locked.",
    )
    refresh_token_ttl: int = Field(
        default=86_400,
        alias="ENFYRA_REFRESH_TOKEN_TTL",
        ge=1,
        description="Seconds that a login lasts without `remember`.",
    )
    remember_ttl: int = Field(
        default=604_800,
        alias="ENFYRA_REMEMBER_TTL",
        ge=1,
        description="Seconds that a login lasts with `remember`.",
    )
    refresh_grace: int = Field(
        default=10,
        alias="ENFYRA_REFRESH_GRACE",
        ge=0,
        le=300,
        description="Seconds in which a refresh token that was used up is answered once more, for "
        "clients that refresh from several places at once. Later, it ends the login.",
    )
    oidc_issuer: Annotated[str | None, BeforeValidator(read.http_url)] = Field(
        default=None,
        alias="ENFYRA_OIDC_ISSUER",
        description="An OpenID issuer somewhere else whose access tokens are taken; users are made "
        "when they first come.",
    )
    oidc_audience: str | None = Field(
        default=None,
        alias="ENFYRA_OIDC_AUDIENCE",
        min_length=1,
        description="Whom the tokens of ENFYRA_OIDC_ISSUER have to be for, as they say by `aud` or "
        "`azp`.",
    )
    hub_api_url: Annotated[str | None, BeforeValidator(read.http_url)] = Field(
        default=None,
        alias="ENFYRA_HUB_API_URL",
        description="The API of a JupyterHub, such as http://hub:8081/hub/api, whose tokens are "
        "taken; users are made when they first come.",
    )
    hub_admins: bool = Field(
        default=False,
        alias="ENFYRA_HUB_ADMINS",
        description="Whether administrators of the JupyterHub are administrators here, for as long "
        "as the Hub says so.",
    )
    schema_lock_wait: float = Field(
        default=5.0,
        alias="ENFYRA_SCHEMA_LOCK_WAIT",
        ge=0,
        allow_inf_nan=False,
        description="Seconds that a schema change waits for another one before it gives up.",
    )
    refresh_interval: float = Field(
        default=1.0,
        alias="ENFYRA_REFRESH_INTERVAL",
        gt=0,
        allow_inf_nan=False,
        description="Seconds between looks at the database for what another process has changed: "
        "definitions, logins and tokens that have ended, accounts. The safety net beside Redis.",
    )

    idempotency_hours: float = Field(
        default=24.0,
        alias="ENFYRA_IDEMPOTENCY_HOURS",
        gt=0,
        le=8760,
        allow_inf_nan=False,
        description="Hours that the answer to a request with an Idempotency-Key is kept.",
    )
    jobs: Literal["database", "bullmq"] = Field(
        default="database",
        alias="ENFYRA_JOBS",
        description="Where jobs wait: in the database, or in the Redis of REDIS_URI, by BullMQ.",
    )
    job_handlers: Annotated[tuple[str, ...], BeforeValidator(read.names)] = Field(
        default=(),
        alias="ENFYRA_JOB_HANDLERS",
        description="Python modules, separated by commas, whose function `register(kernel)` names "
        "the handlers of jobs.",
    )
    jobs_grace: float = Field(
        default=10.0,
        alias="ENFYRA_JOBS_GRACE",
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="Seconds that running jobs get to end when the server stops; then they go back "
        "into the queue.",
    )
    cache_limit_mb: float = Field(
        default=30.0,
        alias="REDIS_USER_CACHE_LIMIT_MB",
        gt=0,
        allow_inf_nan=False,
        description="Megabytes that the cache of scripts may have, in Redis or in process; what "
        "was not used for longest goes first.",
    )
    cache_max_value_bytes: int = Field(
        default=0,
        alias="REDIS_USER_CACHE_MAX_VALUE_BYTES",
        ge=0,
        description="Bytes that one value in the cache of scripts may have; 0 for as many as "
        "there is room.",
    )
    fetch_allow: Annotated[tuple[str, ...], BeforeValidator(read.names)] = Field(
        default=(),
        alias="ENFYRA_FETCH_ALLOW",
        description="Hosts of private networks that scripts may fetch from, separated by commas: "
        "names, addresses or networks, with or without a port.",
    )
    package_allow: Annotated[tuple[str, ...], BeforeValidator(read.names)] = Field(
        default=(),
        alias="ENFYRA_PACKAGE_ALLOW",
        description="Python packages that may be installed for scripts, separated by commas, such "
        "as `phonenumbers==8.*` or `acme-*`. Without it, some well-known ones.",
    )
    data_dir: Path | None = Field(
        default=None,
        alias="ENFYRA_DATA_DIR",
        description="The folder of files that are kept, such as installed packages. Without it, "
        "one beside SQLite's file, or `enfyra-data` in the working directory.",
    )
    script_workers: int = Field(
        default=2,
        alias="ENFYRA_SCRIPT_WORKERS",
        ge=1,
        le=64,
        description="Processes that run scripts, for each process of the server. They are started "
        "when the first script runs.",
    )
    flow_workers: int = Field(
        default=10,
        alias="ENFYRA_FLOW_WORKERS",
        ge=0,
        le=1000,
        description="Runs of flows that go on at the same time in each process of the server; 0 "
        "for none, where `enfyra worker` runs them.",
    )
    flow_lease: float = Field(
        default=30.0,
        alias="ENFYRA_FLOW_LEASE",
        ge=1,
        le=3600,
        description="Seconds after which another process goes on with a run whose own is silent.",
    )
    dask_scheduler: Annotated[str | None, BeforeValidator(read.scheduler_address)] = Field(
        default=None,
        alias="ENFYRA_DASK_SCHEDULER",
        description="Dask's scheduler, such as `tcp://host:8786` or `tls://host:8786`, for steps "
        "of flows whose executor is `dask`. It takes the extra `dask`.",
    )
    notebooks: Path = Field(
        default=Path("notebooks"),
        alias="ENFYRA_NOTEBOOKS",
        description="The folder of the notebooks that flows may run.",
    )
    sql: bool = Field(
        default=True,
        alias="ENFYRA_SQL",
        description="Whether the administrator may read with SQL of their own.",
    )
    script_memory_mb: int = Field(
        default=256,
        alias="ENFYRA_SCRIPT_MEMORY_MB",
        ge=32,
        le=65_536,
        description="Megabytes that the scripts of one such process may use together.",
    )
    script_isolation: Literal["warm", "fork"] = Field(
        default="warm",
        alias="ENFYRA_SCRIPT_ISOLATION",
        description="`warm`: a process runs many scripts, several at a time. `fork`: each call "
        "gets a fresh process, which costs some milliseconds.",
    )

    @field_validator("db_replica_uris")
    @classmethod
    def _check_replicas(
        cls, replicas: tuple[DatabaseUri, ...], info: ValidationInfo
    ) -> tuple[DatabaseUri, ...]:
        primary = info.data.get("db_uri")
        if primary is not None:
            check_replicas(primary, replicas)
        return replicas

    @classmethod
    def load(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        dotenv: Path | None = Path(".env"),
        **overrides: Any,
    ) -> Self:
        """Read the environment over the .env file; keyword arguments win over both.

        Raises:
            EnfyraError: CONFIGURATION_ERROR, one message that names every unknown or malformed
                value.
        """
        env = os.environ if environment is None else environment
        from_file = _read_dotenv(dotenv)
        problems = [*_unknown(from_file, _OUR_DOTENV), *_unknown(env, _OUR_ENVIRONMENT)]
        names = variables()
        values = {
            name: text
            for source in (from_file, env)
            for name, text in source.items()
            if name in names and text != ""
        }
        values |= {names_of_fields()[key]: value for key, value in overrides.items()}
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            problems += [_problem(fault["loc"], fault["msg"]) for fault in error.errors()]
            settings = None
        if settings is None or problems:
            listed = "\n".join(f"  {problem}" for problem in problems)
            raise EnfyraError("CONFIGURATION_ERROR", f"The settings are not valid:\n{listed}")
        return settings

    def signing_key(self) -> str:
        """Give the key that signs; see `signing_keys`."""
        return self.signing_keys()[0]

    def signing_keys(self) -> tuple[str, ...]:
        """Give the keys of SECRET_KEY; for SQLite make one at first use and keep it.

        Raises:
            EnfyraError: CONFIGURATION_ERROR when a database server is used without SECRET_KEY.
        """
        if self.secret_key is not None:
            return read.separated(self.secret_key.get_secret_value())
        if self.db_uri.engine != "sqlite":
            raise EnfyraError(
                "CONFIGURATION_ERROR",
                "SECRET_KEY must be set when the database is not SQLite: "
                "all instances sign tokens with the same key",
            )
        return read.separated(key_beside(self.db_uri.path, ".key"))

    def data_folder(self) -> Path:
        """Give the folder of files that are kept; it need not exist yet.

        Example:
            >>> settings = Settings.load({"DB_URI": "sqlite:////srv/shop.db"}, dotenv=None)
            >>> str(settings.data_folder())
            '/srv/shop.db.data'
        """
        if self.data_dir is not None:
            return self.data_dir
        if self.db_uri.engine == "sqlite":
            return self.db_uri.path.with_name(f"{self.db_uri.path.name}.data")
        return Path("enfyra-data")

    def keys_for_encryption(self) -> tuple[str, ...]:
        """Give the keys of encrypted columns; for SQLite make one at first use and keep it.

        Raises:
            EnfyraError: CONFIGURATION_ERROR when a database server is used and none is set.
        """
        if self.encryption_keys is not None:
            return read.separated(self.encryption_keys.get_secret_value())
        if self.db_uri.engine != "sqlite":
            raise EnfyraError(
                "CONFIGURATION_ERROR",
                "ENFYRA_ENCRYPTION_KEYS must be set for encrypted columns when the database is "
                "not SQLite: all instances encrypt with the same key",
            )
        return read.separated(key_beside(self.db_uri.path, ".encryption-key"))


def variables() -> dict[str, str]:
    """Give each environment variable with what it is for.

    Example:
        >>> variables()["PORT"]
        'The port of `enfyra serve`.'
    """
    fields = Settings.model_fields.values()
    return {str(field.alias): field.description or "" for field in fields}


def names_of_fields() -> dict[str, str]:
    """Give each field's environment variable, by the field's Python name."""
    return {name: str(field.alias) for name, field in Settings.model_fields.items()}


def _read_dotenv(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    try:
        return {name: value or "" for name, value in dotenv_values(path).items()}
    except UnicodeDecodeError:
        raise EnfyraError("CONFIGURATION_ERROR", f"{path} is not UTF-8 text") from None


def _unknown(values: Mapping[str, str], prefixes: tuple[str, ...]) -> list[str]:
    known = variables()
    return [
        f"{name}: there is no such setting.{did_you_mean(name, known)}"
        for name in sorted(values)
        if name.startswith(prefixes) and name not in known
    ]


def _problem(location: tuple[int | str, ...], message: str) -> str:
    # The value itself stays out: it may be a password.
    name = names_of_fields().get(str(location[0]), str(location[0]))
    return f"{name}: {message.removeprefix('Value error, ')}"
