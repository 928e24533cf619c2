"""A sub-command of `%enfyra`: its arguments, and how their values are read."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from IPython.core.error import UsageError

from ..yamls import NotYamlError, read_yaml


class Parser(argparse.ArgumentParser):
    """Reads the words of one sub-command; what is wrong with them is a UsageError."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where to read how it is used."""
        text = message.removeprefix("argument ")
        name = self.prog.rpartition(" ")[2]
        raise UsageError(f"{text[:1].upper()}{text[1:]}. %enfyra help {name} tells what it takes")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End nothing: this is somebody's kernel."""
        raise UsageError(message or "")


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument: its names, and what argparse is told of it."""

    names: tuple[str, ...]
    facts: Mapping[str, Any]


def argument(*names: str, **facts: Any) -> Argument:
    """Make an argument, of what argparse takes."""
    if facts.get("nargs") == "*":
        # Without it, argparse says that the words are required as soon as another one is missing.
        facts.setdefault("default", [])
    return Argument(names, facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A sub-command.

    Attributes:
        summary: What it does, in a line.
        body: What the cell below `%%enfyra` holds; None if it takes no cell.
        needs_body: Whether it does nothing without one.
        example: How it is written.
    """

    name: str
    summary: str
    arguments: tuple[Argument, ...] = ()
    body: str | None = None
    needs_body: bool = False
    example: str

    def parser(self) -> Parser:
        """Give what reads its words."""
        sign = "%%" if self.needs_body else "%"
        parser = Parser(
            prog=f"{sign}enfyra {self.name}",
            description=self.summary,
            epilog=f"example:\n{indented(self.example)}",
            formatter_class=_Formatter,
            add_help=False,
            allow_abbrev=False,
        )
        for one in self.arguments:
            parser.add_argument(*one.names, **one.facts)
        return parser

    @property
    def flags(self) -> list[str]:
        """The names that begin with `--`."""
        return [name for one in self.arguments for name in one.names if name.startswith("--")]

    @property
    def valued(self) -> dict[str, Argument]:
        """The flags that have a value behind them."""
        return {
            name: one
            for one in self.arguments
            for name in one.names
            if name.startswith("--") and one.facts.get("action") != "store_true"
        }


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        # As wide as a notebook's output, whatever terminal the kernel was started from.
        super().__init__(prog, width=88, max_help_position=28)


def indented(text: str) -> str:
    """Give a text with each line a little to the right."""
    return "\n".join(f"  {line}" for line in text.splitlines())


# -- what values are ------------------------------------------------------------------------------


def object_of(text: str) -> dict[str, Any]:
    """Read an object in JSON or YAML."""
    try:
        value = read_yaml(text)
    except NotYamlError as error:
        raise argparse.ArgumentTypeError(f"is neither JSON nor YAML: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("must be an object such as {name: {_eq: Ann}}")
    return value


def value_of(text: str) -> Any:
    """Read any value in JSON or YAML."""
    try:
        return read_yaml(text)
    except NotYamlError as error:
        raise argparse.ArgumentTypeError(f"is neither JSON nor YAML: {error}") from None


def count_of(text: str) -> int:
    """Read a whole number that is not negative."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"must be a whole number, not '{text}'")
    if len(text) > 10:
        raise argparse.ArgumentTypeError(f"is too large: {text}")
    return int(text)


def parameter_of(text: str) -> tuple[str, Any]:
    """Read a name and its value, which is JSON or YAML."""
    name, sign, value = text.partition("=")
    if not sign or not name.strip().isidentifier():
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, not '{text}'")
    return name.strip(), value_of(value)


def names_of(text: str) -> list[str]:
    """Read names that are separated by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def measures_of(text: str) -> dict[str, Any] | list[str]:
    """Read figures: names, or an object."""
    return object_of(text) if text.startswith("{") else names_of(text)


def renames_of(text: str) -> list[tuple[str, str]]:
    """Read pairs of a column and the field that it is sent as."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(old.strip() and sign and new.strip() for old, sign, new in pairs):
        raise argparse.ArgumentTypeError(f"must be COLUMN=FIELD, not '{text}'")
    return [(old.strip(), new.strip()) for old, _, new in pairs]


def keys_of(text: str) -> list[tuple[str, str]]:
    """Read pairs of a table and the column that is its key."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(table.strip() and sign and column.strip() for table, sign, column in pairs):
        raise argparse.ArgumentTypeError(f"must be TABLE=COLUMN, not '{text}'")
    return [(table.strip(), column.strip()) for table, _, column in pairs]


def number_of(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not '{text}'") from None
