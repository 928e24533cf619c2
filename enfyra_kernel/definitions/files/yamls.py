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
        loader: Any = self
        for key, _ in node.value:
            name = loader.construct_object(key, deep=True)
            if isinstance(name, list | dict):
                raise NotYamlError(f"{_place(key.start_mark)}: a name cannot be a list or object")
            if name in seen:
                raise NotYamlError(f"{_place(key.start_mark)}: '{name}' is given twice")
            seen.add(name)
        return super().construct_mapping(node, deep=True)


class _Dumper(yaml.SafeDumper):
    """Writes what our loader and those of YAML 1.1 read as the same."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        # Lists within objects are indented, as most people write them.
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        # What occurs twice is written twice.
        return True


def _resolve(tag: str, pattern: str, first: str) -> None:
    expression = re.compile(pattern)
    readers: tuple[Any, ...] = (_Loader, _Dumper)
    for one in readers:
        one.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", expression, list(first))


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


Path = tuple[Any, ...]


def read_marked(text: str) -> tuple[Any, dict[Path, int]]:
    """Read YAML; give the line of each key and item, too, by the keys that lead there.

    Raises:
        NotYamlError: If it is none.

    Example:
        >>> read_marked("a:\\n  b: [1]\\n")[1]
        {(): 1, ('a',): 1, ('a', 'b'): 2, ('a', 'b', 0): 2}
    """
    try:
        loader: Any = _Loader(text)
        try:
            node = loader.get_single_node()
            value = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        problem = " ".join(part for part in (error.problem, error.context) if part)
        raise NotYamlError(f"{_place(error.problem_mark)}: {problem}") from None
    except yaml.YAMLError as error:
        raise NotYamlError(str(error).partition("\n")[0]) from None
    lines: dict[Path, int] = {(): 1}
    if node is not None:
        _mark(node, (), lines)
    return value, lines


def _mark(node: Any, path: Path, lines: dict[Path, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, inside in node.value:
            here = (*path, key.value)
            lines[here] = key.start_mark.line + 1
            _mark(inside, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, inside in enumerate(node.value):
            here = (*path, number)
            lines[here] = inside.start_mark.line + 1
            _mark(inside, here, lines)


def write_yaml(value: Any) -> str:
    """Write YAML that is nice to read and to compare, in the order given.

    Example:
        >>> print(write_yaml({"on": "no", "steps": [{"say": "a\\nb", "tags": [1, "x"]}]}), end="")
        'on': 'no'
        steps:
          - say: |-
              a
              b
            tags: [1, x]
    """
    library: Any = yaml
    text: str = library.dump(value, Dumper=_Dumper, **_STYLE)
    if read_marked(text)[0] != value:
        # A text that a block cannot hold.
        text = library.safe_dump(value, **_STYLE)
    return text


_STYLE: dict[str, Any] = {
    "sort_keys": False, "allow_unicode": True, "width": 1 << 20, "default_flow_style": False,
}  # fmt: skip


# Ends of lines that are none to people.
_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")


def _represent_text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None
    if _BREAKS.search(text) is not None:
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_list(dumper: Any, items: list[Any]) -> Any:
    short = all(isinstance(one, str | int | float | bool) for one in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=short)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "the text"
