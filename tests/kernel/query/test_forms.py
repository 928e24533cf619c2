"""Query strings that are not parsed anew mean the same as if they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.query import forms
from enfyra_kernel.query.forms import parse_text
from enfyra_kernel.query.parse import parse_string
from hypothesis import given, settings
from hypothesis import strategies as st

# `{}` is a number.
TEXTS = (
    'filter={{"id":{{"_eq":{}}}}}',
    'filter={{"id":{{"_in":[{},{},{}]}}}}&limit={}',
    'filter={{"id":{{"_between":[{},{}]}}}}&page={}&limit={}',
    'filter={{"name":{{"_eq":"{}"}}}}',
    'filter={{"name":{{"_contains":"a:{},b"}}}}',
    'filter={{"done":{{"_is_null":{}}}}}',
    'filter={{"a{}":{{"_eq":{}}}}}',
    'filter={{"_or":[{{"a":{{"_gt":{}}}}},{{"b":{}}},{{"c":[{},"{}"]}}]}}&sort=-a,b',
    'filter={{"a":{{"_eq":-{}}}}}',
    'filter={{"a":{{"_eq":{}.5}}}}',
    'filter={{"a":{{"_eq":{}e3}}}}',
    'filter={{"a":{{"_eq": {} }}}}',
    "filter[views][_gt]={}",
    "filter[views][_in]={},{}",
    "filter[views][_in][]={}&filter[views][_in][]={}",
    "filter[a][_eq]=2026-01-{}",
    "where[id]={}&limit={}",
    "limit={}",
    "page={}&limit={}",
    "limit={}&limit={}",
    "fields=a{},b",
    "fields=id,{}",
    "sort=a{}",
    "explain={}",
    "nonsense={}",
    'deep={{"tags":{{"limit":{},"filter":{{"id":{{"_gt":{}}}}}}}}}',
    'deep={{"tags":{{"limit":{},"page":{}}}}}',
    'aggregate={{"views":{{"sum":true}}}}&limit={}',
    "cursor=&limit={}",
    "cursor={}",
)
NUMBERS = st.one_of(
    st.integers(0, 20),
    st.sampled_from(
        [100_000_007, 200_000_033, 999_999_999, 10**9, 2**31 - 1, 2**31, 2**63, 10**30, "00", "07"]
    ),
    st.integers(0, 10**12),
).map(str)


def meaning(parse: Callable[[str], Any], text: str) -> object:
    try:
        return parse(text)
    except EnfyraError as error:
        return error.code, error.message, error.details


@pytest.mark.parametrize("text", TEXTS)
@settings(max_examples=25)
@given(data=st.data())
def test_numbers_in_a_form_mean_what_they_mean_by_themselves(
    text: str, data: st.DataObject
) -> None:
    numbers = st.lists(NUMBERS, min_size=text.count("{}"), max_size=text.count("{}"))
    write = data.draw(st.sampled_from([str, _encoded(quote), _encoded(quote_plus)]))
    for _ in range(4):
        written = write(text.format(*data.draw(numbers)))
        assert meaning(parse_text, written) == meaning(parse_string, written)


def _encoded(encode: Callable[[str], str]) -> Callable[[str], str]:
    def encoded(text: str) -> str:
        pairs = (part.partition("=") for part in text.split("&"))
        return "&".join(f"{name}={encode(value)}" for name, _, value in pairs)

    return encoded


@given(
    st.recursive(
        st.one_of(st.integers(), st.floats(), st.text("a0:,[]{}1%\"'", max_size=8), st.booleans()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(
                    ["a", "a1", "_eq", "_in", "_between", "_or", "1", "_gt", "_is_null"]
                ),
                inner,
                max_size=3,
            ),
        ),
        max_leaves=6,
    )
)
def test_any_filter_means_what_it_means_alone(value: Any) -> None:
    text = f"filter={quote(json.dumps(value))}&limit=5"
    for limit in (5, 17, 3_000_000):
        written = text.replace("limit=5", f"limit={limit}")
        assert meaning(parse_text, written) == meaning(parse_string, written)


def test_a_form_that_has_been_met_twice_is_parsed_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def text(key: int) -> str:
        return f"filter=%7B%22once%22%3A%7B%22_eq%22%3A{key}%7D%7D&limit={key}"

    for key in (1, 2):
        parse_text(text(key))
    monkeypatch.setattr(forms, "parse_string", lambda _text: pytest.fail("parsed"))
    query = parse_text(text(77_123))
    assert (query.values, query.limit) == ((77_123,), 77_123)


def test_only_so_many_forms_are_kept() -> None:
    for number in range(forms.MOST_FORMS + 10):
        parse_text(f"fields=f{number}x&limit={number + 1}")
    assert len(forms._forms) <= forms.MOST_FORMS
