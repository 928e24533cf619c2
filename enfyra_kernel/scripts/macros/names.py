"""What each macro stands for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..script import Language

# How a repository (`#post`) and a package (`%name`) are written out.
PREFIXES: Mapping[Language, Mapping[str, str]] = {
    Language.PYTHON: {"#": "ctx.repos.", "%": "ctx.pkgs."},
    Language.JAVASCRIPT: {"#": "$ctx.$repos.", "%": "$ctx.$pkgs."},
}

# What a repository can do.
METHODS = ("find", "exists", "count", "create", "update", "delete", "upsert")

# The statuses that have a macro of their own.
THROWN = (400, 401, 403, 404, 409, 422, 429, 500, 503)

_NAMES = {
    "BODY": ("body", "$body"),
    "QUERY": ("query", "$query"),
    "PARAMS": ("params", "$params"),
    "USER": ("user", "$user"),
    "REQ": ("req", "$req"),
    "RES": ("res", "$res"),
    "REPOS": ("repos", "$repos"),
    "CACHE": ("cache", "$cache"),
    "HELPERS": ("helpers", "$helpers"),
    "FETCH": ("helpers.fetch", "$helpers.$fetch"),
    "LOGS": ("logs", "$logs"),
    "DATA": ("data", "$data"),
    "STATUS": ("status", "$statusCode"),
    "ERROR": ("error", "$error"),
    "SHARE": ("share", "$share"),
    "API": ("api", "$api"),
    "ENV": ("env", "$env"),
    "PKGS": ("pkgs", "$pkgs"),
    "STORAGE": ("storage", "$storage"),
    "UPLOADED_FILE": ("uploaded_file", "$uploadedFile"),
    "SOCKET": ("socket", "$socket"),
    "TRIGGER": ("trigger", "$trigger"),
    "FLOW": ("flow", "$flow"),
    "FLOW_PAYLOAD": ("flow.payload", "$flow.$payload"),
    "FLOW_LAST": ("flow.last", "$flow.$last"),
    "FLOW_META": ("flow.meta", "$flow.$meta"),
    "TRANSACTION": ("transaction", "$transaction"),
    "THROW": ("throw", "$throw"),
}

_EXPANSIONS = {
    Language.PYTHON: MappingProxyType(
        {name: f"ctx.{python}" for name, (python, _) in _NAMES.items()}
        | {f"THROW{status}": f"ctx.throw.http_{status}" for status in THROWN}
    ),
    Language.JAVASCRIPT: MappingProxyType(
        {name: f"$ctx.{javascript}" for name, (_, javascript) in _NAMES.items()}
        | {f"THROW{status}": f"$ctx.$throw['{status}']" for status in THROWN}
    ),
}


def expansions(language: Language) -> Mapping[str, str]:
    """Give what each macro expands to in a language, by its name without the `@`.

    Example:
        >>> expansions(Language.PYTHON)["THROW404"]
        'ctx.throw.http_404'
    """
    return _EXPANSIONS[language]
