"""Column rules: what each kind asks of a value, and whether a rule fits its field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from ..encoding import format_instant
from ..errors import did_you_mean
from ..logs import get_logger
from .definitions import ColumnDefinition, RelationDefinition, RuleDefinition
from .formats import FORMATS
from .patterns import TooLongForPattern, pattern
from .types import DATES, LONG_TEXTS, NUMBERS, ColumnType, RuleType
from .values import length_of, reader

_log = get_logger("rules")

# Takes a canonical value; gives what is wrong with it, as a phrase that follows the field's name.
Check = Callable[[Any], str | None]
# Takes a canonical value; gives all that is wrong with it: a phrase, or a rule's own message.
Checks = Callable[[Any], list["Violation"]]

PAIRS = (
    (RuleType.MIN, RuleType.MAX),
    (RuleType.MIN_LENGTH, RuleType.MAX_LENGTH),
    (RuleType.MIN_ITEMS, RuleType.MAX_ITEMS),
)
_TEXTS = LONG_TEXTS | {ColumnType.VARCHAR}
_TYPES: Mapping[RuleType, frozenset[ColumnType]] = {
    RuleType.MIN: NUMBERS | DATES,
    RuleType.MAX: NUMBERS | DATES,
    RuleType.MIN_LENGTH: _TEXTS,
    RuleType.MAX_LENGTH: _TEXTS,
    RuleType.PATTERN: _TEXTS,
    RuleType.FORMAT: _TEXTS,
    RuleType.MIN_ITEMS: frozenset({ColumnType.ARRAY_SELECT}),
    RuleType.MAX_ITEMS: frozenset({ColumnType.ARRAY_SELECT}),
}
_ITEMS = frozenset({RuleType.MIN_ITEMS, RuleType.MAX_ITEMS})


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with a field's value.

    Attributes:
        text: A phrase that follows the field's name, or the rule's own message.
        whole: Whether it is the rule's own message, which is a sentence by itself.
    """

    text: str
    whole: bool = False

    def of(self, field: str) -> str:
        """Give the line for a field.

        Example:
            >>> Violation("must be at least 18").of("age")
            'age must be at least 18'
            >>> Violation("Adults only", whole=True).of("age")
            'age: Adults only'
        """
        return f"{field}: {self.text}" if self.whole else f"{field} {self.text}"


def rule_type(name: Any) -> RuleType:
    """Give the kind of rule of that name.

    Raises:
        ValueError: There is none; the message is a phrase.
    """
    names = [one.value for one in RuleType]
    if isinstance(name, str) and name in names:
        return RuleType(name)
    hint = did_you_mean(name, names) if isinstance(name, str) else ""
    if name == "custom":
        hint = " What no rule can say is checked in a pre-hook."
    raise ValueError(f"ruleType must be one of {', '.join(names)}.{hint}")


def check_of(rule: RuleDefinition, field: ColumnDefinition | RelationDefinition) -> Check:
    """Give the check that a rule makes.

    Raises:
        ValueError: The rule does not fit the field, or its value is not right.

    Example:
        >>> age = ColumnDefinition(name="age", type=ColumnType.INT)
        >>> check_of(RuleDefinition(rule_type="min", value={"v": 18}), age)(7)
        'must be at least 18'
    """
    kind = rule_type(rule.rule_type)
    _check_fits(kind, field)
    value, flags = _parts(kind, rule.value)
    match kind:
        case RuleType.MIN | RuleType.MAX:
            return _range_check(kind, value, cast("ColumnDefinition", field))
        case RuleType.MIN_LENGTH | RuleType.MAX_LENGTH:
            return _size_check(kind, _size(value), "character", " long")
        case RuleType.MIN_ITEMS | RuleType.MAX_ITEMS:
            return _size_check(kind, _size(value), "item", "")
        case RuleType.PATTERN:
            return _pattern_check(value, flags)
        case RuleType.FORMAT:
            return _format_check(value)


def _check_fits(kind: RuleType, field: ColumnDefinition | RelationDefinition) -> None:
    if isinstance(field, RelationDefinition):
        if field.type.to_one or kind not in _ITEMS:
            allowed = "no rules" if field.type.to_one else "minItems and maxItems only"
            raise ValueError(f"does not fit: a {field.type.value} relation takes {allowed}")
        return
    if field.type not in _TYPES[kind]:
        listed = ", ".join(one.value for one in ColumnType if one in _TYPES[kind])
        raise ValueError(f"does not fit the type {field.type.value}: it is for {listed}")


def _parts(kind: RuleType, source: Any) -> tuple[Any, str]:
    """Take a rule's value, `{"v": 5}` or with flags, apart."""
    if not isinstance(source, Mapping) or "v" not in source:
        raise ValueError('needs its value as {"v": ...}')
    named = cast("Mapping[str, Any]", source)
    allowed = {"v", "flags"} if kind is RuleType.PATTERN else {"v"}
    strange = sorted(str(key) for key in named if key not in allowed)
    if strange:
        raise ValueError(f"has a value that knows no '{strange[0]}'")
    flags = named.get("flags")
    if flags is not None and not isinstance(flags, str):
        raise ValueError("has flags that are no text, such as 'i'")
    return named["v"], flags or ""


def _range_check(kind: RuleType, value: Any, column: ColumnDefinition) -> Check:
    try:
        if value is None:
            raise ValueError("must not be null")
        limit = reader(column.type, column.options)(value)
    except ValueError as error:
        raise ValueError(f"has a value that {error}") from None
    dated = column.type in DATES
    if kind is RuleType.MIN:
        phrase = f"must {'not be before' if dated else 'be at least'} {_shown(limit)}"
        return lambda given: phrase if given < limit else None
    phrase = f"must {'not be after' if dated else 'be at most'} {_shown(limit)}"
    return lambda given: phrase if given > limit else None


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _size(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("has a value that must be a whole number from 0")
    return value


def _size_check(kind: RuleType, limit: int, unit: str, end: str) -> Check:
    counted = f"{limit} {unit}{'' if limit == 1 else 's'}{end}"
    verb = "have" if unit == "item" else "be"
    if kind in {RuleType.MIN_LENGTH, RuleType.MIN_ITEMS}:
        return lambda given: (
            f"must {verb} at least {counted}, not {len(given)}" if len(given) < limit else None
        )
    return lambda given: (
        f"must {verb} at most {counted}, not {len(given)}" if len(given) > limit else None
    )


def _pattern_check(value: Any, flags: str) -> Check:
    if not isinstance(value, str) or not value:
        raise ValueError("has a value that must be a regular expression")
    try:
        search = pattern(value, flags)
    except ValueError as error:
        raise ValueError(f"has a value that {error}") from None
    phrase = f"must match the pattern {value}"

    def check(given: str) -> str | None:
        try:
            return None if search(given) else phrase
        except TooLongForPattern as error:
            return str(error)

    return check


def _format_check(value: Any) -> Check:
    found = FORMATS.get(value) if isinstance(value, str) else None
    if found is None:
        hint = did_you_mean(value, FORMATS) if isinstance(value, str) else ""
        raise ValueError(f"has a value that must be one of {', '.join(FORMATS)}.{hint}")
    phrase = f"must be {found.phrase}"
    return lambda given: None if found.check(given) else phrase


# -- the rules of a field -------------------------------------------------------------------------


def problems_of_rules(field: ColumnDefinition | RelationDefinition) -> list[tuple[str, str]]:
    """Say what is wrong with a field's rules: the kind of each that is wrong, and why."""
    problems: list[tuple[str, str]] = []
    seen: set[str] = set()
    for rule in field.rules:
        try:
            check_of(rule, field)
        except ValueError as error:
            problems.append((rule.rule_type, str(error)))
        if rule.rule_type in seen:
            problems.append((rule.rule_type, "is there twice; a field takes one of each kind"))
        seen.add(rule.rule_type)
    if not problems:
        problems += _contradictions(field)
    return problems


def _contradictions(field: ColumnDefinition | RelationDefinition) -> Iterable[tuple[str, str]]:
    values = {rule.rule_type: rule.value["v"] for rule in field.rules if rule.is_enabled}
    for low, high in PAIRS:
        if low in values and high in values:
            below, above = values[low], values[high]
            if isinstance(field, ColumnDefinition) and low is RuleType.MIN:
                read = reader(field.type, field.options)
                below, above = read(below), read(above)
            if below > above:
                yield low.value, f"is more than {high.value}: no value could meet both"
    least = values.get(RuleType.MIN_LENGTH)
    if isinstance(field, ColumnDefinition) and field.type is ColumnType.VARCHAR and least:
        length = length_of(field.options)
        if least > length:
            yield RuleType.MIN_LENGTH.value, f"is more than the field's length, {length}"


def checks_of(field: ColumnDefinition | RelationDefinition) -> Checks | None:
    """Compile the rules of a field that are enabled; None if there are none.

    A rule that is not right was stored before rules were checked; `problems_of_rules` finds it.
    """
    made: list[tuple[Check, str | None]] = []
    for rule in field.rules:
        if rule.is_enabled:
            try:
                made.append((check_of(rule, field), rule.message or None))
            except ValueError as error:
                facts = {"rule": rule.id, "ruleType": rule.rule_type, "reason": str(error)}
                _log.warning("a rule that cannot be checked has no effect", extra=facts)
    return _all_of(made) if made else None


def _all_of(made: Sequence[tuple[Check, str | None]]) -> Checks:
    def violations(value: Any) -> list[Violation]:
        found: list[Violation] = []
        for check, message in made:
            phrase = check(value)
            if phrase is not None:
                found.append(Violation(message or phrase, whole=message is not None))
        return found

    return violations
