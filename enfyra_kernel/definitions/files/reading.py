"""From a folder of files to a document, with the line that each part of it stands in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ...errors import did_you_mean
from ..kinds import FLOWS, FORMAT, KINDS, SETTINGS, TABLES, Document, Item
from .names import decode_name
from .places import (
    ACCESS_FOLDER,
    FILES,
    FLOW_FOLDER,
    FOLDERS,
    HOOK_FOLDER,
    MARKER,
    SCRIPT_FOLDERS,
    STAGES,
    TABLE_FOLDER,
    YAML,
)
from .scripts import LANGUAGES, read_script
from .wording import plain_step
from .words import DefinitionError, read_table
from .yamls import NotYamlError, read_marked

Keys = tuple[Any, ...]
_LINE = re.compile(r"^line (\d+)(?:, column \d+)?: ")
# What a problem of a table's definition begins with.
_FIELD = re.compile(r"^(columns|relations)\.([^\s:]+)")
_QUOTED = re.compile(r"'([^']+)'")
_MARKER_KEYS = ("format", "tables", "secrets")
_FLOW_KEYS = tuple(name for name in KINDS[FLOWS].fields if name != "steps")


class FilesError(ValueError):
    """What is wrong with files; each problem begins with the file and the line.

    Attributes:
        problems: Each of them.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Folder:
    """What has been read.

    Attributes:
        document: The document; of a folder that no export has begun, with the sections that are
            there.
        tables: What it is about, if that is not everything.
        lines: The file and line of what is in the document, by the keys that lead there.
    """

    document: Document
    tables: tuple[str, ...] | None
    lines: Mapping[Keys, tuple[str, int]] = field(default_factory=dict[Keys, tuple[str, int]])

    def place(self, keys: Sequence[Any]) -> str | None:
        """Give the file and line of the nearest thing around; None if nothing of it is there.

        Example:
            >>> Folder({}, None, {("tables", 0): ("tables/post.yaml", 1)}).place(["tables", 0, "x"])
            'tables/post.yaml:1'
        """
        for length in range(len(keys), 1, -1):
            found = self.lines.get(tuple(keys[:length]))
            if found is not None:
                return f"{found[0]}:{found[1]}"
        return None


def read_folder(folder: Path) -> Folder:
    """Read a folder.

    Raises:
        FilesError: With all that is wrong.
    """
    if not folder.is_dir():
        raise FilesError([f"There is no folder {folder}"])
    return _Reader(folder).read()


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._problems: list[str] = []
        self._lines: dict[Keys, tuple[str, int]] = {}
        self._document: Document = {"format": FORMAT}

    def read(self) -> Folder:
        self._refuse_strangers()
        marker = self._marker()
        tables = None if marker is None else self._scope(marker)
        if marker is not None and tables is None:
            # What an export of everything leaves out is not there.
            self._document |= {name: [] for name, kind in KINDS.items() if not kind.single}
        for place in FILES.values():
            found = self._yaml(place.path)
            if found is not None:
                self._section(place.path, place.section, place.name, *found)
        self._each(TABLE_FOLDER, YAML, self._table)
        self._each(FLOW_FOLDER, YAML, self._flow)
        for name in SCRIPT_FOLDERS:
            self._each(name, tuple(LANGUAGES), self._script)
        if self._problems:
            raise FilesError(self._problems)
        if len(self._document) == 1:
            raise FilesError([f"{self._folder} holds no definitions"])
        return Folder(self._document, tables, self._lines)

    # -- the folder -----------------------------------------------------------------------------

    def _refuse_strangers(self) -> None:
        """Refuse what looks like a part of an export and is none: nothing is left out silently."""
        known = [*FOLDERS, *(path for path in FILES if "/" not in path), MARKER]
        for one in sorted(self._folder.iterdir()):
            name = f"{one.stem}.yaml" if one.suffix == ".yml" else one.name
            if name not in known and (one.is_dir() or one.suffix in YAML):
                near = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.75)
                if near:
                    self._say(one.name, 0, f"is not known. Did you mean {near[0]}?")
        access = self._folder / ACCESS_FOLDER
        for one in sorted(access.iterdir()) if access.is_dir() else ():
            path = f"{ACCESS_FOLDER}/{one.stem}.yaml"
            if one.suffix in YAML and path not in FILES:
                inside = [name for name in FILES if name.startswith(ACCESS_FOLDER)]
                hint = did_you_mean(path, inside) or f" There are: {', '.join(inside)}"
                self._say(f"{ACCESS_FOLDER}/{one.name}", 0, f"is not known.{hint}")

    def _marker(self) -> Item | None:
        found = self._yaml(MARKER)
        if found is None:
            return None
        content, lines = found
        if not isinstance(content, dict):
            self._say(MARKER, 1, f"must say `format: {FORMAT}`")
            return None
        marker = cast("Item", content)
        for key in marker:
            if key not in _MARKER_KEYS:
                hint = did_you_mean(str(key), _MARKER_KEYS)
                self._say(MARKER, lines.get((key,), 1), f"'{key}' is not allowed.{hint}")
        if marker.get("format") != FORMAT:
            line = lines.get(("format",), 1)
            said = f"the format is {marker.get('format')}; this version reads {FORMAT}"
            self._say(MARKER, line, said)
        return marker

    def _scope(self, marker: Item) -> tuple[str, ...] | None:
        tables = marker.get("tables")
        if tables is None:
            return None
        if not isinstance(tables, list):
            self._say(MARKER, 1, "tables must be a list of names")
            return None
        return tuple(map(str, cast("list[Any]", tables)))

    def _each(self, folder: str, endings: Sequence[str], read: Callable[[str, Path], None]) -> None:
        path = self._folder / folder
        for one in sorted(path.iterdir()) if path.is_dir() else ():
            name = f"{folder}/{one.name}"
            if one.name.startswith((".", "__")) or one.name.upper().startswith("README"):
                continue
            if one.suffix in endings and one.is_file():
                read(name, one)
            else:
                self._say(name, 0, f"is none of Enfyra's: the names here end with {endings[0]}")

    # -- files ----------------------------------------------------------------------------------

    def _text(self, name: str) -> str | None:
        path = self._folder / name
        if not path.is_file():
            return None
        try:
            return path.read_bytes().decode()
        except UnicodeDecodeError:
            self._say(name, 0, "is no UTF-8")
        except OSError as error:
            self._say(name, 0, f"cannot be read: {error.strerror}")
        return None

    def _yaml(self, name: str) -> tuple[Any, dict[Keys, int]] | None:
        text = self._text(name)
        if text is None and name.endswith(".yaml"):
            name = f"{name.removesuffix('.yaml')}.yml"
            text = self._text(name)
        if text is None:
            return None
        try:
            return read_marked(text)
        except NotYamlError as error:
            self._say_read(name, error)
            return None

    def _section(
        self, path: str, section: str, name: str | None, content: Any, lines: Mapping[Keys, int]
    ) -> None:
        if section == SETTINGS:
            if self._is_object(path, content):
                self._add(path, section, content, lines, ())
            return
        self._document.setdefault(section, [])
        if name is not None:
            if content is None or not self._is_object(path, content):
                return
            for key, facts in cast("dict[Any, Any]", content).items():
                if facts is not None and not isinstance(facts, dict):
                    self._say(path, lines.get((key,), 1), f"'{key}' must be an object")
                    continue
                item = {name: key, **cast("Item", facts or {})}
                self._add(path, section, item, lines, (key,))
            return
        if not isinstance(content, list):
            self._say(path, 1, "must be a list")
            return
        for number, item in enumerate(cast("list[Any]", content)):
            if isinstance(item, dict):
                self._add(path, section, cast("Item", item), lines, (number,))
            else:
                self._say(path, lines.get((number,), 1), "must be an object")

    def _table(self, name: str, path: Path) -> None:
        found = self._yaml(name)
        if found is None:
            return
        content, lines = found
        called: Any = None
        given: Any = {} if content is None else content
        if isinstance(content, dict):
            given = dict(cast("Item", content))
            called = given.pop("name", None)
        try:
            item = read_table(given, "the file")
        except DefinitionError as error:
            for problem in str(error).splitlines():
                self._say(name, _line_of(problem, lines), problem)
            return
        item: Item = {"name": called or decode_name(path.stem), **item}
        keys = ("tables", len(self._document.get(TABLES, ())))
        for section, named in (("columns", "name"), ("relations", "propertyName")):
            for number, one in enumerate(item.get(section, ())):
                for at, line in lines.items():
                    if at[:2] == (section, str(one.get(named))):
                        self._lines[(*keys, section, number, *at[2:])] = (name, line)
        self._add(name, TABLES, item, lines, ())

    def _flow(self, name: str, path: Path) -> None:
        found = self._yaml(name)
        if found is None:
            return
        content, lines = found
        if isinstance(content, list):
            content = {"steps": cast("list[Any]", content)}
            lines: dict[Keys, int] = {("steps", *at): line for at, line in lines.items()}
        if not self._is_object(name, content):
            return
        item = {"name": decode_name(path.stem), **cast("Item", content)}
        if isinstance(item.get("steps"), list):
            steps = cast("list[Any]", item["steps"])
            item["steps"] = [
                plain_step(cast("Item", one)) if isinstance(one, dict) else one for one in steps
            ]
        self._add(name, FLOWS, item, lines, ())

    def _script(self, name: str, path: Path) -> None:
        text = self._text(name)
        if text is None:
            return
        try:
            item, lines = read_script(text, path.suffix)
        except NotYamlError as error:
            self._say_read(name, error)
            return
        folder = name.partition("/")[0]
        section = SCRIPT_FOLDERS[folder][0]
        if folder == HOOK_FOLDER:
            stage = item.pop("stage", None)
            if stage not in STAGES:
                self._say(name, lines.get(("stage",), 1), "stage must be pre or post")
                return
            section = STAGES[stage]
        self._add(name, section, item, lines, ())

    # -- what is found --------------------------------------------------------------------------

    def _add(
        self, path: str, section: str, item: Item, lines: Mapping[Keys, int], within: Keys
    ) -> None:
        items = self._document.setdefault(section, [])
        keys = (section, len(items))
        for at, line in lines.items():
            if at[: len(within)] == within:
                self._lines.setdefault((*keys, *at[len(within) :]), (path, line))
        items.append(item)

    def _is_object(self, path: str, content: Any) -> bool:
        if isinstance(content, dict):
            return True
        self._say(path, 1, "must be an object")
        return False

    def _say(self, name: str, line: int, problem: str) -> None:
        place = f"{name}:{line}" if line else name
        self._problems.append(f"{place}: {problem}")

    def _say_read(self, name: str, error: NotYamlError) -> None:
        text = str(error)
        found = _LINE.match(text)
        self._say(name, int(found[1]) if found else 0, text[found.end() :] if found else text)


def _line_of(problem: str, lines: Mapping[Keys, int]) -> int:
    """Give the line that a problem of a table's definition is about."""
    found = _FIELD.match(problem)
    if found is not None:
        return lines.get((found[1], found[2]), lines.get((found[1],), 1))
    return next((lines[(one,)] for one in _QUOTED.findall(problem) if (one,) in lines), 1)


def walk(document: Mapping[str, Any]) -> Iterator[tuple[str, int, Item]]:
    """Give all items of a document, with their sections and numbers."""
    for section in KINDS:
        for number, item in enumerate(document.get(section, ())):
            yield section, number, item
