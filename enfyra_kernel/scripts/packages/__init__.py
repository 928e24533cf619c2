"""Packages for scripts: installed from an allow-list into a folder of their own."""

from .allowed import PackageAllowList
from .packages import Packages

__all__ = ["PackageAllowList", "Packages"]
