"""From a document to files, and these to a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..kinds import FLOWS, KINDS, SETTINGS, TABLES, Item
from .names import file_names
from .places import (
    BOOTSTRAP_FOLDER,
    FILES,
    FLOW_FOLDER,
    FOLDERS,
    HANDLER_FOLDER,
    HOOK_FOLDER,
    MARKER,
    STAGES,
    TABLE_FOLDER,
    YAML,
)
from .reading import FilesError
from .scripts import LANGUAGES, write_script
from .wording import worded_step, worded_table
from .yamls import write_yaml


class Written(NamedTuple):
    """What became of a folder.

    Attributes:
        files: How many files there are.
        changed: Those that are new or others than they were.
        removed: Those of what is not there any more.
    """

    files: int
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def summary(self, folder: str) -> str:
        """Say what became of it.

        Example:
            >>> Written(3, ("a", "b"), ()).summary("definitions")
            '3 files in definitions: 2 written'
        """
        done = [
            f"{len(names)} {word}"
            for names, word in ((self.changed, "written"), (self.removed, "removed"))
            if names
        ]
        files = "1 file" if self.files == 1 else f"{self.files} files"
        return f"{files} in {folder}: {', '.join(done) or 'nothing has changed'}"


def write_folder(
    document: Mapping[str, Any], folder: Path, *, tables: Sequence[str] | None = None
) -> Written:
    """Write a document as a folder; files that have not changed are left alone.

    Args:
        tables: What the document is about, if that is not everything.

    Raises:
        FilesError: The folder holds files of these names that are nothing of ours.
    """
    texts = files_of(document, tables)
    is_ours = (folder / MARKER).is_file()
    strangers = [name for name in texts if (folder / name).exists()] if not is_ours else []
    if strangers:
        raise FilesError(
            [f"{folder / strangers[0]} is there, and {folder} holds no {MARKER}: is it an export?"]
        )
    changed = [name for name, text in texts.items() if _put(folder / name, text)]
    removed: list[str] = []
    if is_ours and tables is None:
        for name in _ours(folder):
            if name not in texts:
                (folder / name).unlink()
                removed.append(name)
    return Written(len(texts), tuple(changed), tuple(removed))


def _put(path: Path, text: str) -> bool:
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return True


def _ours(folder: Path) -> list[str]:
    """Give the files of a folder that an export may have written."""
    found = [name for name in FILES if (folder / name).is_file()]
    for inside in FOLDERS:
        endings = YAML if inside in {TABLE_FOLDER, FLOW_FOLDER} else tuple(LANGUAGES)
        if inside != "access" and (folder / inside).is_dir():
            found += [
                f"{inside}/{one.name}"
                for one in sorted((folder / inside).iterdir())
                if one.suffix in endings and one.is_file()
            ]
    return found


def files_of(document: Mapping[str, Any], tables: Sequence[str] | None = None) -> dict[str, str]:
    """Give the files of a document: their names, and what is in them.

    Example:
        >>> list(files_of({"format": 1, "tables": [{"name": "post"}], "roles": []}))
        ['enfyra.yaml', 'tables/post.yaml']
    """
    marker: Item = {"format": document["format"]}
    if tables is not None:
        marker["tables"] = sorted(tables)
    if document.get("secrets"):
        marker["secrets"] = document["secrets"]
    texts = {MARKER: write_yaml(marker)}
    for place in FILES.values():
        items: list[Item] = document.get(place.section, [])
        content = _content(place.section, place.name, items)
        if content:
            texts[place.path] = write_yaml(content)
    texts |= _named(TABLE_FOLDER, document.get(TABLES, ()), worded_table)
    texts |= _named(FLOW_FOLDER, document.get(FLOWS, ()), _worded_flow)
    for folder, names, items in _scripts(document):
        for name, encoded in file_names(names).items():
            ending, text = write_script(items[names.index(name)])
            texts[f"{folder}/{encoded}{ending}"] = text
    return dict(sorted(texts.items()))


def _content(section: str, name: str | None, items: Sequence[Item]) -> Any:
    if section == SETTINGS:
        return items[0] if items else None
    ordered = [_ordered(section, one) for one in items]
    if name is None:
        return ordered
    return {one[name]: {key: one[key] for key in one if key != name} for one in ordered}


def _ordered(section: str, item: Item) -> Item:
    return {name: item[name] for name in KINDS[section].fields if item.get(name) is not None}


def _named(folder: str, items: Sequence[Item], worded: Any) -> dict[str, str]:
    texts: dict[str, str] = {}
    names = file_names([one["name"] for one in items])
    for item in items:
        encoded = names[item["name"]]
        content = worded(item)
        if "~" in encoded:
            content = {"name": item["name"], **content}
        texts[f"{folder}/{encoded}.yaml"] = write_yaml(content)
    return texts


def _worded_flow(item: Item) -> Item:
    flow = {name: value for name, value in _ordered(FLOWS, item).items() if name != "name"}
    return {**flow, "steps": [worded_step(one) for one in item.get("steps", ())]}


def _scripts(document: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[Item]]]:
    """Give the scripts of each folder, with names for their files."""
    hooks = [
        {"stage": stage, **_ordered(section, one)}
        for stage, section in STAGES.items()
        for one in document.get(section, ())
    ]
    handlers = [_ordered("handlers", one) for one in document.get("handlers", ())]
    boots = [_ordered("bootstrapScripts", one) for one in document.get("bootstrapScripts", ())]
    yield HOOK_FOLDER, _unlike([f"{_slug(o)}.{o['stage']}.{o['name']}" for o in hooks]), hooks
    yield HANDLER_FOLDER, _unlike([f"{_slug(o)}.{o['method']}" for o in handlers]), handlers
    yield BOOTSTRAP_FOLDER, _unlike([one["name"] for one in boots]), boots


def _slug(item: Mapping[str, Any]) -> str:
    route = item.get("route")
    return "all" if route is None else str(route).strip("/").replace("/", ".") or "root"


def _unlike(names: list[str]) -> list[str]:
    """Make names different: of what is in a script's head, a file's name tells a part only."""
    counts: dict[str, int] = {}
    result: list[str] = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        result.append(name if counts[name] == 1 else f"{name} {counts[name]}")
    return result
