"""The modules that scripts may import, as facades that cannot be changed.

Only functions, constants and types are shown. What keeps state for the whole process, asks the
system for something, or would change what it is given, is left out.
"""

from __future__ import annotations

import base64
import bisect
import collections
import contextvars
import csv
import datetime
import decimal
import fractions
import functools
import hashlib
import heapq
import hmac
import html
import importlib
import io
import itertools
import json
import math
import random
import re
import statistics
import string
import sys
import textwrap
import time
import types
import unicodedata
import urllib.parse
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

# Read when they are first used, which would be too late: there are no files any more.
_LATER = (
    "_strptime", "locale", "calendar", "stringprep", "encodings.idna", "encodings.ascii",
    "encodings.latin_1", "encodings.cp1252", "encodings.utf_16", "encodings.utf_32",
    "encodings.utf_8_sig", "encodings.punycode", "encodings.hex_codec", "encodings.base64_codec",
    "linecache", "traceback", "_pydatetime",
)  # fmt: skip


class Facade:
    """A module as scripts see it: it has the names that were chosen, and cannot be changed."""

    __slots__ = ("_members", "_name")
    _members: Mapping[str, Any]
    _name: str

    def __init__(self, name: str, members: dict[str, Any]) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_members", types.MappingProxyType(members))

    def __getattr__(self, name: str) -> Any:
        if name not in self._members:
            raise AttributeError(f"scripts cannot use {self._name}.{name}")
        return self._members[name]

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise TypeError(f"the module {self._name} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise TypeError(f"the module {self._name} cannot be changed")

    def __repr__(self) -> str:
        return f"<module '{self._name}'>"


def wraps(wrapped: Callable[..., Any]) -> Callable[[Any], Any]:
    """Do as `functools.wraps`, for functions of scripts only."""

    def decorate(wrapper: Any) -> Any:
        if type(wrapper) is not types.FunctionType or wrapper.__module__ != "script":
            raise TypeError("wraps() takes a function that was defined in the script")
        wrapper.__name__ = getattr(wrapped, "__name__", wrapper.__name__)
        wrapper.__doc__ = getattr(wrapped, "__doc__", None)
        return wrapper

    return decorate


def _plain(module: Any, names: str) -> dict[str, Any]:
    return {name: getattr(module, name) for name in names.split() if hasattr(module, name)}


def _public(module: types.ModuleType) -> dict[str, Any]:
    members: dict[str, Any] = vars(module)
    return {
        name: value
        for name, value in members.items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }


_RANDOM = (
    "random uniform randint randrange choice choices sample shuffle gauss normalvariate "
    "triangular betavariate expovariate gammavariate lognormvariate paretovariate getrandbits "
    "randbytes"
)
_TIMES = "time time_ns monotonic perf_counter gmtime localtime strftime strptime mktime"
_HASHES = (
    "md5 sha1 sha224 sha256 sha384 sha512 sha3_224 sha3_256 sha3_384 sha3_512 blake2b blake2s "
    "shake_128 shake_256 new pbkdf2_hmac scrypt algorithms_guaranteed"
)
_BASE64 = (
    "b64encode b64decode standard_b64encode standard_b64decode urlsafe_b64encode "
    "urlsafe_b64decode b32encode b32decode b32hexencode b32hexdecode b16encode b16decode "
    "a85encode a85decode b85encode b85decode"
)
_URLS = (
    "urlparse urlunparse urljoin urldefrag urlsplit urlunsplit urlencode parse_qs parse_qsl quote "
    "quote_plus quote_from_bytes unquote unquote_plus unquote_to_bytes"
)
_DECIMAL = (
    "Decimal Context localcontext getcontext ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN "
    "ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP ROUND_05UP InvalidOperation DivisionByZero Inexact "
    "Overflow Underflow Rounded DecimalException FloatOperation Subnormal Clamped"
)
_REGULAR = (
    "compile search match fullmatch split findall finditer sub subn escape error Pattern Match "
    "A ASCII I IGNORECASE M MULTILINE S DOTALL X VERBOSE U UNICODE L LOCALE NOFLAG RegexFlag"
)
_UNICODE = (
    "lookup name decimal digit numeric category bidirectional combining east_asian_width mirrored "
    "decomposition normalize is_normalized unidata_version"
)

_zone_files: dict[str, bytes] = {}


def _read_zones() -> None:
    for folder in zoneinfo.TZPATH:
        top = Path(folder)
        if not top.is_dir():
            continue
        for path in top.rglob("[A-Z]*"):
            name = str(path.relative_to(top))
            if name.startswith(("posix", "right")) or name in _zone_files or not path.is_file():
                continue
            data = path.read_bytes()
            if data.startswith(b"TZif"):
                _zone_files[name] = data
        return


def _zone_of(data: bytes, key: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key=key)


@functools.lru_cache(maxsize=64)
def zone(key: str) -> zoneinfo.ZoneInfo:
    """Give a time zone by its name, such as `Europe/Berlin`."""
    if key not in _zone_files:
        raise zoneinfo.ZoneInfoNotFoundError(f"there is no time zone {key!r}")
    return _zone_of(_zone_files[key], key)


def _asynchronous() -> dict[str, Any]:
    import asyncio

    names = "gather sleep wait_for Lock Event Semaphore Queue TimeoutError CancelledError"
    return _plain(asyncio, names) | {"create_task": asyncio.ensure_future}


def _members() -> dict[str, dict[str, Any]]:
    system = random.SystemRandom()
    return {
        "asyncio": _asynchronous(),
        "base64": _plain(base64, _BASE64),
        "bisect": _plain(bisect, "bisect bisect_left bisect_right insort insort_left insort_right"),
        "collections": _plain(
            collections, "ChainMap Counter OrderedDict defaultdict deque namedtuple"
        ),
        "csv": _plain(
            csv, "reader writer DictReader DictWriter QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE "
            "QUOTE_NONNUMERIC Error"
        ),
        "datetime": _plain(datetime, "date time datetime timedelta timezone UTC MINYEAR MAXYEAR"),
        "decimal": _plain(decimal, _DECIMAL),
        "fractions": _plain(fractions, "Fraction"),
        "functools": _plain(functools, "partial reduce cmp_to_key lru_cache cache")
        | {"wraps": wraps},
        "hashlib": _plain(hashlib, _HASHES),
        "heapq": _plain(heapq, "heappush heappop heapify heapreplace heappushpop merge nlargest "
        "nsmallest"),
        "hmac": _plain(hmac, "new digest compare_digest"),
        "html": _plain(html, "escape unescape"),
        "io": _plain(io, "StringIO BytesIO"),
        "itertools": _public(itertools),
        "json": _plain(json, "dumps loads JSONDecodeError"),
        "math": _public(math),
        "random": _plain(system, _RANDOM),
        "re": _plain(re, _REGULAR),
        "statistics": _plain(statistics, " ".join(statistics.__all__)),
        "string": _plain(string, "ascii_letters ascii_lowercase ascii_uppercase capwords digits "
        "hexdigits octdigits printable punctuation whitespace"),
        "textwrap": _plain(textwrap, "dedent fill indent shorten wrap"),
        "time": _plain(time, _TIMES),
        "unicodedata": _plain(unicodedata, _UNICODE),
        "urllib.parse": _plain(urllib.parse, _URLS),
        "uuid": _plain(uuid, "UUID uuid3 uuid4 uuid5 NAMESPACE_DNS NAMESPACE_URL NAMESPACE_OID "
        "NAMESPACE_X500"),
        "zoneinfo": {"ZoneInfo": zone, "available_timezones": lambda: set(_zone_files)}
        | _plain(zoneinfo, "ZoneInfoNotFoundError"),
    }  # fmt: skip


def _facades() -> dict[str, Facade]:
    made = {name: Facade(name, members) for name, members in _members().items()}
    made["urllib"] = Facade("urllib", {"parse": made["urllib.parse"]})
    return made


MODULES = _facades()
# Those of packages that are installed for scripts.
PACKAGES: set[str] = set()


def _package(name: str, module: types.ModuleType) -> Facade:
    """Give a module of a package with its own modules in it."""
    members: dict[str, Any] = {}
    for one, value in vars(module).items():
        if one.startswith("_"):
            continue
        if not isinstance(value, types.ModuleType):
            members[one] = value
        elif value.__name__.startswith(f"{name}."):
            members[one] = MODULES[value.__name__] = _package(value.__name__, value)
    return Facade(name, members)


def load_packages(folder: str, names: Iterable[str]) -> None:
    """Load the modules of packages that are installed for scripts.

    One that cannot be loaded is left out: a script that imports it is told.
    """
    # Last: nothing that is installed takes the place of what Python itself has.
    sys.path.append(folder)
    for name in names:
        if name in MODULES or name in sys.stdlib_module_names:
            continue
        with suppress(Exception):
            MODULES[name] = _package(name, importlib.import_module(name))
            PACKAGES.add(name)


def load() -> None:
    """Read what needs files, while there are any."""
    _read_zones()
    for name in _LATER:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # not every version of Python has each of them
    datetime.datetime.strptime("2000", "%Y")
    "ä".encode("idna")
    # A script's own precision is the concern of its own context only.
    contextvars.Context().run(decimal.getcontext)
