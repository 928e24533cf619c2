"""YAML as people mean it: `no` and `y` are names, dates are text, nothing is said twice."""

from __future__ import annotations

import re
from typing import Any

import yaml


class NotYamlError(ValueError):
    """A text that is not YAML; the message says where and why."""


class _Loader(yaml.SafeLoader):
    """Reads YAML 1.2's core types.

    PyYAML's own idea of YAML 1.1 makes `no` and `y` booleans, `12:30` a number and `2013-01-01` a
    date, and lets the second of two equal keys win.
    """

    yaml_implicit_resolvers: Any = {}  # noqa: RUF012 - the base class's own interface

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if isinstance(name, list | dict):
                raise NotYamlError(f"{_place(key.start_mark)}: a name cannot be a list or object")
            if name in seen:
                raise NotYamlError(f"{_place(key.start_mark)}: '{name}' is given twice")
            seen.add(name)
        return super().construct_mapping(node, deep=True)


def _resolve(tag: str, pattern: str, first: str) -> None:
    expression = re.compile(pattern)
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", expression, list(first))


_resolve("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF")
_resolve("int", r"^(?:[-+]?[1-9][0-9]*|[-+]?0)$", "-+0123456789")
_resolve(
    "float",
    r"^[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$",
    "-+0123456789.",
)
_resolve("null", r"^(?:~|null|Null|NULL|)$", "~nN\0")
_Loader.yaml_implicit_resolvers.setdefault("", []).append(
    ("tag:yaml.org,2002:null", re.compile("^$"))
)


def read_yaml(text: str) -> Any:
    """Read YAML, or JSON, which is YAML too.

    Raises:
        NotYamlError: If it is neither.

    Example:
        >>> read_yaml("{y: no, day: 2013-01-01, n: 5}")
        {'y': 'no', 'day': '2013-01-01', 'n': 5}
    """
    try:
        return yaml.load(text.expandtabs(2), _Loader)  # noqa: S506 - derived from SafeLoader
    except yaml.MarkedYAMLError as error:
        problem = " ".join(part for part in (error.problem, error.context) if part)
        raise NotYamlError(f"{_place(error.problem_mark)}: {problem}") from None
    except yaml.YAMLError as error:
        raise NotYamlError(str(error).partition("\n")[0]) from None


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "the text"
