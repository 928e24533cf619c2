"""Packages for scripts: installed from an allow-list into a folder of their own."""

from .allowed import PackageAllowList
from .packages import Packages
from .shared import SharedPackages

__all__ = ["PackageAllowList", "Packages", "SharedPackages"]
