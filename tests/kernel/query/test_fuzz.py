"""Whatever is sent as a query is a query, or a 400."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.query.evaluation import Rows, evaluate
from enfyra_kernel.query.filters import OPERATOR_NAMES
from enfyra_kernel.query.parse import PARAMETERS
from hypothesis import given, settings
from hypothesis import strategies as st

from .asking import SNAPSHOT, planned

fuzz = settings(deadline=None, max_examples=400, derandomize=True, database=None)

_NAMES = [
    *SNAPSHOT.tables["product"].fields, "name", "label", "city", "boss", "staff", "id", "*", "-*",
    "-title", "owner.name", "twin.twin.title", "twinOf.views", "tags.label", "_count(tags)",
    "-_max(tags.label)", "count", "sum(views)", "countRecords", "sum", "min", "fields", "filter",
    "sort", "limit", "page", "deep", "asc", "desc", "true", "", "0", "1", "-1", "5,6", "2026-01-01",
]  # fmt: skip
_WORDS = st.sampled_from([*OPERATOR_NAMES, "_nin", "_", "__proto__", *_NAMES])
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**65), 2**65), st.floats(), _WORDS, st.text(max_size=5)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_WORDS, inner, max_size=3)
    ),
    max_leaves=8,
)
_PARAMETERS = st.dictionaries(st.sampled_from(PARAMETERS), _VALUES, max_size=4)


def _answer(parameters: dict[str, Any] | str) -> None:
    """Go all the way of a query; anything but an answer or a 400 is raised."""
    try:
        made, values = planned(parameters)
    except EnfyraError as error:
        if error.status != 400:
            raise
    else:
        evaluate(made, Rows({}), values)


@fuzz
@given(st.text())
def test_any_text(text: str) -> None:
    _answer(text.encode("utf-8", "replace").decode())


@fuzz
@given(st.lists(st.tuples(st.sampled_from(PARAMETERS), st.lists(_WORDS, max_size=4), _SCALARS)))
def test_any_brackets(pairs: list[tuple[str, list[str], Any]]) -> None:
    keys = [name + "".join(f"[{quote(part)}]" for part in path) for name, path, _ in pairs]
    values = [quote(str(value), errors="replace") for *_, value in pairs]
    _answer("&".join(f"{key}={value}" for key, value in zip(keys, values, strict=True)))


@fuzz
@given(_PARAMETERS)
def test_any_structure(parameters: dict[str, Any]) -> None:
    _answer(parameters)


@fuzz
@given(_PARAMETERS)
def test_any_json(parameters: dict[str, Any]) -> None:
    _answer("&".join(f"{name}={quote(json.dumps(one))}" for name, one in parameters.items()))


@fuzz
@given(st.sampled_from(PARAMETERS), st.binary(max_size=30))
def test_any_bytes(name: str, data: bytes) -> None:
    _answer(f"{name}={quote(data)}")
