"""Secrets in definitions: a document names them, and never holds them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from .kinds import FLOWS, WITHIN

# Configurations of flows that may hold secrets.
CONFIGURED = ("triggerConfig", "alertConfig")
# What a value is called that nobody else should know.
_SECRET = re.compile(
    r"(secret|password|passwd|token|credential|authorization|api[-_]?key|private[-_]?key)$",
    re.IGNORECASE,
)
_NAME = re.compile(r"^\$\{([A-Z_][A-Z0-9_]*)\}$")
_EXPRESSION = re.compile(r"\{\{.*\}\}", re.DOTALL)


def is_name(value: Any) -> bool:
    """Say whether a value only names a secret.

    Example:
        >>> is_name("${SHOP_SECRET}"), is_name("s3cret")
        (True, False)
    """
    return isinstance(value, str) and _NAME.match(value) is not None


def named(value: Any, prefix: str, names: dict[str, Any] | None = None) -> Any:
    """Give a configuration with the names of environment variables in the place of secrets.

    Expressions stay: they are evaluated when they are needed.

    Args:
        names: Takes the secrets, by these names.

    Example:
        >>> named({"path": "shop", "secret": "s3cret"}, "SHOP")
        {'path': 'shop', 'secret': '${SHOP_SECRET}'}
    """
    if isinstance(value, list):
        many = cast("list[Any]", value)
        return [named(one, f"{prefix}_{number}", names) for number, one in enumerate(many)]
    if not isinstance(value, Mapping):
        return value
    result: dict[str, Any] = {}
    for key, inside in cast("Mapping[str, Any]", value).items():
        name = _variable(f"{prefix}_{key}")
        if _is_secret(key, inside):
            if names is not None:
                names[name] = inside
            result[key] = f"${{{name}}}"
        else:
            result[key] = named(inside, name, names)
    return result


def filled(value: Any, current: Mapping[str, Any], missing: list[str]) -> Any:
    """Put secrets that are known in the place of their names.

    Args:
        current: The secrets as they are on the server, by their names.
        missing: Takes the names of those that are not known.
    """
    if isinstance(value, list):
        return [filled(one, current, missing) for one in cast("list[Any]", value)]
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {key: filled(one, current, missing) for key, one in items}
    if not is_name(value):
        return value
    name = value[2:-1]
    if name not in current:
        missing.append(name)
        return value
    return current[name]


def prefix_of(word: str, name: str) -> str:
    """Begin the names of the variables of something; letters that no variable has make no clash.

    Example:
        >>> prefix_of("flow", "nightly"), prefix_of("flow", "ليلي")
        ('FLOW_NIGHTLY', 'FLOW_2EB9C84C')
    """
    plain = _variable(name).strip("_")
    told = plain if name.isascii() else f"{plain}_{zlib.crc32(name.encode()):08X}".strip("_")
    return f"{_variable(word)}_{told}"


def filled_flow(flow: Mapping[str, Any], fill: Callable[[Any], Any]) -> dict[str, Any]:
    """Give a flow in whose configurations secrets are put in the place of their names."""
    found = {**flow, **{name: fill(flow[name]) for name in CONFIGURED if name in flow}}
    if isinstance(flow.get("steps"), list):
        found["steps"] = _filled_steps(flow["steps"], fill)
    return found


def _filled_steps(steps: Any, fill: Callable[[Any], Any]) -> list[Any]:
    found: list[Any] = []
    for one in cast("list[Any]", steps):
        if not isinstance(one, dict):
            found.append(one)
            continue
        step = dict(cast("dict[str, Any]", one))
        if "config" in step:
            step["config"] = fill(step["config"])
        for name in WITHIN:
            if isinstance(step.get(name), list):
                step[name] = _filled_steps(step[name], fill)
        found.append(step)
    return found


def with_environment(document: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Put secrets that the environment knows in the place of their names; others stay named.

    Example:
        >>> flow = {"name": "a", "triggerConfig": {"secret": "${A}"}}
        >>> with_environment({"flows": [flow]}, {"A": "s3cret"})["flows"][0]["triggerConfig"]
        {'secret': 's3cret'}
    """
    flows = document.get(FLOWS)
    if not isinstance(flows, list):
        return dict(document)
    fill = partial(filled, current=environment, missing=[])
    given = cast("list[Any]", flows)
    found = [filled_flow(cast("Any", one), fill) if isinstance(one, dict) else one for one in given]
    return {**document, FLOWS: found}


def _is_secret(key: str, value: Any) -> bool:
    if _SECRET.search(key) is None or not isinstance(value, str) or not value:
        return False
    return _EXPRESSION.search(value) is None


def _variable(text: str) -> str:
    return re.sub(r"[^A-Z0-9_]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).upper())
