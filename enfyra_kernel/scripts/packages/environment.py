"""The folder of installed packages: versions of it, of which one is in use."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

from .allowed import PackageAllowList

_CURRENT = "current"
_MANIFEST = "enfyra-manifest.json"
_MACHINE_CODE = frozenset((".so", ".pyd", ".dylib", ".dll", ".exe", ".a", ".o"))
# What pip writes beside modules.
_NOT_MODULES = frozenset(("bin", "__pycache__"))


class Refused(Exception):
    """What was installed may not be used; the message says why."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is installed.

    Attributes:
        asked: The packages that were asked for, with the versions that would do.
        installed: These and what they need, with their versions.
        modules: The names that scripts import, of those that were asked for.
    """

    asked: Mapping[str, str] = {}
    installed: Mapping[str, str] = {}
    modules: Mapping[str, tuple[str, ...]] = {}


EMPTY = Manifest()


class Environments:
    """The versions of the folder; its methods block.

    Each is a folder `env-...` that never changes once it is in use. A file names the one in use,
    and is replaced in one step; the one before it stays for those who still have it open.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def current(self) -> Path | None:
        """Give the version that is in use; None if there is none."""
        try:
            name = (self._folder / _CURRENT).read_text().strip()
        except FileNotFoundError:
            return None
        path = self._folder / name
        return path if name.startswith("env-") and (path / _MANIFEST).is_file() else None

    def manifest(self) -> Manifest:
        """Say what is installed in the version that is in use."""
        path = self.current()
        if path is None:
            return EMPTY
        try:
            return msgspec.json.decode((path / _MANIFEST).read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError):
            # Damaged: everything is installed anew.
            return EMPTY

    def draft(self) -> Path:
        """Make an empty folder that may become a version."""
        path = self._folder / f"env-{secrets.token_hex(8)}"
        path.mkdir(parents=True)
        return path

    def inspect(self, draft: Path, asked: Mapping[str, str], allowed: PackageAllowList) -> Manifest:
        """Look at what was put into a draft, and write its manifest.

        Raises:
            Refused: Something in it is not allowed, or no pure Python.
        """
        found: dict[str, Distribution] = {
            canonicalize_name(one.metadata["Name"]): one for one in distributions(path=[str(draft)])
        }
        for name, one in sorted(found.items()):
            if not allowed.permits(name, one.version):
                needs = "" if name in asked else ", which is needed,"
                raise Refused(f"{name} {one.version}{needs} may not be installed")
        for name in asked:
            if name not in found:
                raise Refused(f"The package says that its name is another than {name}")
        for path in draft.rglob("*"):
            if path.is_symlink() or path.suffix.lower() in _MACHINE_CODE:
                raise Refused(f"{path.relative_to(draft)} is no pure Python")
        manifest = Manifest(
            asked=dict(asked),
            installed={name: one.version for name, one in sorted(found.items())},
            modules={name: _modules(found[name]) for name in sorted(asked)},
        )
        (draft / _MANIFEST).write_bytes(msgspec.json.encode(manifest))
        return manifest

    def use(self, draft: Path) -> None:
        """Put a draft into use."""
        before = self.current()
        self._point_to(draft.name)
        self._prune({draft.name, *([before.name] if before is not None else [])})

    def discard(self, draft: Path) -> None:
        """Delete a draft."""
        shutil.rmtree(draft, ignore_errors=True)

    def _point_to(self, name: str) -> None:
        fresh = self._folder / f"{_CURRENT}.{secrets.token_hex(4)}"
        with fresh.open("w") as file:
            file.write(name)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / _CURRENT)

    def _prune(self, keep: set[str]) -> None:
        for path in self._folder.glob("env-*"):
            if path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)


def _modules(distribution: Distribution) -> tuple[str, ...]:
    names: set[str] = set()
    for file in distribution.files or ():
        top = file.parts[0]
        if len(file.parts) == 1 and file.suffix == ".py":
            names.add(file.stem)
        elif len(file.parts) > 1 and file.suffix == ".py" and top.isidentifier():
            names.add(top)
    return tuple(sorted(names - _NOT_MODULES))
