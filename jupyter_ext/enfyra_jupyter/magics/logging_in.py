"""`%enfyra login` and `%enfyra token`: secrets that never stand in a cell or below it."""

from __future__ import annotations

import socket
from argparse import Namespace
from collections.abc import Callable
from getpass import getpass
from os import environ
from pathlib import Path
from typing import Any, TypeVar

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import StdinNotImplementedError, UsageError

from .. import environment
from ..client import ApiError, Client
from ..connection import address_of, log_in
from ..credentials import Token
from ..display import Listing
from ..keeping import Keeper, Kept, write_privately
from .session import Session

VERBS = ("create", "list", "revoke")
_TOKENS = "/me/tokens"
T = TypeVar("T")


def login(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra login`."""
    url, keeper = address_of(given.url), Keeper()
    before = keeper.get(url)
    if given.forget:
        return _forgotten(session, keeper, url, before)
    email = given.email or (before.email if before else None) or environ.get(environment.EMAIL)
    email = email or _typed(input, "E-mail: ", "--email says who you are")
    kept = _as_person(url, email, lambda client: _new_login(client, email, before))
    where = keeper.put(url, kept)
    session.use(Client(url, Token(kept.token)))
    note = f"It is kept in {where}; %enfyra login --forget forgets it"
    return Listing(f"You are {email} at {url}", (), (), note)


def _new_login(client: Client, email: str, before: Kept | None) -> Kept:
    """Make the token that stays; the one that was kept before is worth nothing from now on."""
    name = f"Notebooks on {socket.gethostname()}"[:120]
    row = client.post(_TOKENS, {"name": name})["data"][0]
    if before is not None and before.email == email:
        _revoke(client, before.id)
    return Kept(email, row["token"], row["id"])


def _forgotten(session: Session, keeper: Keeper, url: str, before: Kept | None) -> Listing:
    if before is None:
        return Listing(f"No login is kept for {url}", (), ())
    _as_person(url, before.email, lambda client: _revoke(client, before.id))
    keeper.drop(url)
    session.close()
    return Listing(f"{before.email} is logged out at {url}", (), (), "Nothing is kept")


def _revoke(client: Client, id_: str) -> None:
    try:
        client.send("DELETE", f"{_TOKENS}/{id_}")
    except ApiError as error:
        # It has expired, or somebody has revoked it.
        if error.status != 404:
            raise


def token(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra token`."""
    verb, *rest = given.words or ["list"]
    name = " ".join(rest)
    if verb not in VERBS:
        raise UsageError(
            f"%enfyra token knows {', '.join(VERBS)}, not '{verb}'.{did_you_mean(verb, VERBS)}"
        )
    if verb == "list":
        return _listed(session.client.get(_TOKENS)["data"])
    if not name:
        raise UsageError(f"Name the token, as in %enfyra token {verb} backup")
    if verb == "create":
        return _created(session, given, name)
    return _revoked(session, name)


def _created(session: Session, given: Namespace, name: str) -> Listing:
    body: dict[str, Any] = {"name": name}
    if given.scopes:
        body["scopes"] = given.scopes
    if given.expires:
        body["expiresAt"] = given.expires
    path = Path(given.to or f"{name.replace('/', '_')}.token")
    try:
        path = path.expanduser()
    except RuntimeError:
        raise UsageError(f"--to: there is nobody's home at {path}") from None
    if path.exists():
        raise UsageError(f"{path} is there already; --to names another file")
    row = _by_person(session, lambda client: client.post(_TOKENS, body)["data"][0])
    try:
        write_privately(path, row["token"] + "\n", replace=False)
    except OSError as error:
        _by_person(session, lambda client: _revoke(client, row["id"]))
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    expires = row["expiresAt"] or "never"
    return Listing(f"The token '{name}' is in {path}", (), (), f"It expires: {expires}")


def _revoked(session: Session, name: str) -> Listing:
    rows = session.client.get(_TOKENS)["data"]
    named = [row["id"] for row in rows if row["name"] == name]
    if not named:
        hint = did_you_mean(name, [row["name"] for row in rows])
        raise UsageError(f"You have no token '{name}'.{hint}")

    def revoke(client: Client) -> None:
        for one in named:
            _revoke(client, one)

    _by_person(session, revoke)
    return Listing(f"The token '{name}' is worth nothing any more", (), ())


def _listed(rows: list[dict[str, Any]]) -> Listing:
    shown = [
        [
            row["name"],
            f"{row['prefix']}…{row['last4']}",
            ", ".join(row["scopes"] or ()) or "all you may do",
            row["expiresAt"] or "never",
            row["lastUsedAt"] or "never",
        ]
        for row in rows
    ]
    note = "" if shown else "You have none; %enfyra token create NAME makes one"
    return Listing("API tokens", ["name", "token", "for", "expires", "last used"], shown, note)


# -- persons --------------------------------------------------------------------------------------


def _by_person(session: Session, do: Callable[[Client], T]) -> T:
    """Do what an API token may not: with a password, if the connection is one of a token."""
    client = session.client
    try:
        return do(client)
    except ApiError as error:
        if error.status != 403:
            raise
    email = client.get("/me", fields="email")["data"][0]["email"]
    return _as_person(client.url, email, do)


def _as_person(url: str, email: str, do: Callable[[Client], T]) -> T:
    """Do something in a login of its own, which ends with it."""
    password = environ.get(environment.PASSWORD)
    if not password:
        password = _typed(getpass, f"Password of {email}: ", "set the variable ENFYRA_PASSWORD")
    with Client(url, log_in(url, email, password)) as client:
        try:
            return do(client)
        finally:
            client.send("POST", "/auth/logout")


def _typed(ask: Callable[[str], str], question: str, otherwise: str) -> str:
    try:
        return ask(question)
    except (StdinNotImplementedError, EOFError):
        raise UsageError(f"Nothing can be typed here; {otherwise}") from None
