"""Sub-commands about connections: which there are, and which is in use."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Generator
from contextlib import contextmanager
from getpass import getpass
from os import environ

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import StdinNotImplementedError, UsageError

from .. import environment
from ..addresses import addresses
from ..client import Client
from ..connection import connect
from ..display import Listing
from . import exploring
from .session import Session


def connect_to(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra connect`."""
    alias = given.alias
    if alias is not None and not alias.isidentifier():
        raise UsageError(f"--as must be a name such as production, not '{alias}'")
    url, email = given.url, given.email
    # Who writes a password into an address does not read it again below.
    if url is not None and "/" not in url and "@" not in url:
        known = addresses()
        if url not in known:
            host = re.fullmatch(r"[\w.-]+:\d+", url)
            raise UsageError(
                f"'{url}' is no address, and no connection of that name is configured."
                + (f" Did you mean 'http://{url}'?" if host else did_you_mean(url, known))
            )
        alias = alias or url
        url, email = known[url].url, email or known[url].email
    session.use(_opened(url, email), alias)
    return exploring.show_status(session, given)


def show_connections(session: Session, _: Namespace) -> Listing:
    """Do `%enfyra connections`."""
    there = session.connections
    rows = [
        [name, client.url, "in use" if name == there.name else "connected"]
        for name, client in there.clients.items()
    ]
    rows += [
        [name, one.url, "configured"] for name, one in addresses().items() if name not in there
    ]
    note = "" if rows else "There are none; %enfyra connect URL --as NAME makes one"
    return Listing("Connections", ["name", "server", ""], rows, note)


def use(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra use`."""
    _ensure(session, given.alias)
    session.connections.use(given.alias)
    return exploring.show_status(session, given)


def close(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra close`."""
    there = session.connections
    if given.alias is not None and given.alias not in there:
        raise _unknown(given.alias, list(there))
    name = given.alias or there.name
    if name is None:
        raise UsageError("There is no connection")
    there.close(name)
    return Listing(f"The connection '{name}' is closed", (), ())


@contextmanager
def on(session: Session, alias: str | None) -> Generator[None, None, None]:
    """Use another connection for what one command does."""
    if alias is None:
        yield
        return
    before = session.connections.name
    _ensure(session, alias)
    if before is not None:
        session.connections.use(before)
    with session.connections.using(alias):
        yield


def _ensure(session: Session, alias: str) -> None:
    """Connect to a server that is configured, unless that is done."""
    if alias in session.connections:
        return
    known = addresses()
    if alias not in known:
        raise _unknown(alias, [*session.connections, *known])
    session.use(_opened(known[alias].url, known[alias].email), alias)


def _unknown(alias: str, known: list[str]) -> UsageError:
    hint = did_you_mean(alias, known)
    if not hint:
        hint = f" There are: {', '.join(known)}" if known else " %enfyra connect makes one"
    return UsageError(f"There is no connection '{alias}'.{hint}")


def _opened(url: str | None, email: str | None) -> Client:
    password = None
    if email and not environ.get(environment.PASSWORD):
        try:
            password = getpass(f"Password of {email}: ")
        except (StdinNotImplementedError, EOFError):
            raise UsageError(
                "A password cannot be typed here; set the variable ENFYRA_PASSWORD"
            ) from None
    return connect(url, email=email, password=password)
