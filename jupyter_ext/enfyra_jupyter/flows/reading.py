"""Flows as people write them in cells, read into what `PUT /admin/flow/:name` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enfyra_kernel.definitions.files.wording import plain_step

from ..definitions import DefinitionError
from ..yamls import NotYamlError, read_yaml
from .decorated import is_decorated, read_decorated

STEP_KEYS = (
    "key", "type", "config", "source", "scriptLanguage", "timeout", "onError", "retry",
    "isEnabled", "then", "else", "children",
)  # fmt: skip
FLOW_KEYS = (
    "steps", "description", "triggerType", "triggerConfig", "timeout", "isEnabled",
    "maxExecutions", "maxConcurrent", "alertConfig",
)  # fmt: skip
WITHIN = ("then", "else", "children")


def read_flow(text: str) -> dict[str, Any]:
    """Read a cell: steps in YAML, or in functions of Python.

    Raises:
        DefinitionError: If it is neither. What steps may hold is said by the server.

    Example:
        >>> read_flow('''
        ... - key: old
        ...   type: script
        ...   source: return 1
        ...   retry: 2
        ... ''')["steps"]
        [{'key': 'old', 'type': 'script', 'sourceCode': 'return 1', 'onError': 'retry', \
'retryAttempts': 2}]
    """
    if is_decorated(text):
        return read_decorated(text)
    try:
        source = read_yaml(text)
    except NotYamlError as error:
        raise DefinitionError(f"The cell is not valid YAML. {error}.{_hint(text)}") from None
    if isinstance(source, list):
        source = {"steps": source}
    if not isinstance(source, Mapping):
        raise DefinitionError(
            "The cell must hold steps: a list in YAML, each with a key and a type, or functions of "
            "Python with @step above them"
        )
    flow = dict(source)
    if "steps" in flow:
        flow["steps"] = _steps(flow["steps"])
    return flow


def _steps(given: Any) -> Any:
    """Give steps by the API's names; what is no list of objects is left to the server."""
    if not isinstance(given, list):
        return given
    return [plain_step(one) if isinstance(one, Mapping) else one for one in given]


def _hint(text: str) -> str:
    if "{{" in text:
        return " Expressions need quotes: '{{ @FLOW_PAYLOAD.id }}'"
    if ": @" in text:
        return " What begins with @ needs quotes, or `|` and a line of its own"
    return ""
