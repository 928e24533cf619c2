"""Rules of fields in the words of JSON Schema, so that clients can check before they send."""

from __future__ import annotations

from typing import Any

from enfyra_kernel.metadata.definitions import ColumnDefinition, RelationDefinition
from enfyra_kernel.metadata.formats import FORMATS
from enfyra_kernel.metadata.rules import problems_of_rules
from enfyra_kernel.metadata.types import DATES, ColumnType, RuleType

_WORDS = {
    RuleType.MIN: "minimum",
    RuleType.MAX: "maximum",
    RuleType.MIN_LENGTH: "minLength",
    RuleType.MAX_LENGTH: "maxLength",
    RuleType.PATTERN: "pattern",
    RuleType.MIN_ITEMS: "minItems",
    RuleType.MAX_ITEMS: "maxItems",
}
# JSON Schema has numbers only to compare with; these travel as text.
_TEXTUAL = DATES | {ColumnType.DECIMAL}


def add_rules(schema: dict[str, Any], field: ColumnDefinition | RelationDefinition) -> None:
    """Add what a field's rules ask for to its schema.

    What JSON Schema has no word for stands in the description.
    """
    wrong = {kind for kind, _ in problems_of_rules(field)}
    sentences: list[str] = []
    for rule in field.rules:
        if rule.is_enabled and rule.rule_type not in wrong:
            kind = RuleType(rule.rule_type)
            value = rule.value["v"]
            word, content = _word(kind, value, rule.value.get("flags"), field)
            if word is None:
                sentences.append(f"{kind.value}: {content}")
            elif word == "maxLength" and schema.get(word) is not None:
                schema[word] = min(schema[word], value)
            else:
                schema[word] = content
    if sentences:
        known = schema.get("description")
        schema["description"] = " ".join([*([known] if known else []), *sentences])


def _word(
    kind: RuleType, value: Any, flags: str | None, field: ColumnDefinition | RelationDefinition
) -> tuple[str | None, Any]:
    if kind is RuleType.FORMAT:
        found = FORMATS[value]
        return ("format", found.openapi) if found.openapi else (None, found.phrase)
    dated = isinstance(field, ColumnDefinition) and field.type in _TEXTUAL
    if kind in {RuleType.MIN, RuleType.MAX} and dated:
        return None, value
    if kind is RuleType.PATTERN and flags and flags.strip("u"):
        return None, f"/{value}/{flags}"
    return _WORDS[kind], value
