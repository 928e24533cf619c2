"""There is one version, and everybody tells the same."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import enfyra_kernel
import pytest
from enfyra_kernel.version import VERSION


def test_the_project_file_has_the_same_version(project: Path) -> None:
    described = tomllib.loads((project / "pyproject.toml").read_text())
    assert described["project"]["version"] == VERSION


def test_the_package_tells_its_version() -> None:
    assert enfyra_kernel.__version__ == VERSION


def test_the_installed_distribution_has_the_same_version() -> None:
    assert version("enfyra-kernel") == VERSION


def test_the_package_gives_its_three_names_late() -> None:
    from enfyra_kernel.errors import EnfyraError
    from enfyra_kernel.kernel import Kernel
    from enfyra_kernel.settings import Settings

    assert enfyra_kernel.EnfyraError is EnfyraError
    assert enfyra_kernel.Kernel is Kernel
    assert enfyra_kernel.Settings is Settings


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="Kernle"):
        _ = enfyra_kernel.Kernle
