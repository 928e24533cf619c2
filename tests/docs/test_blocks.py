"""The tests of the documentation are worth something only if they can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import blocks as module
from .blocks import Block, blocks_of
from .compare import json_problem, text_problem

PAGE = """
Text with `code`.

```bash no-run: it never ends
sleep
```

1. In a list

    ```json output expect=409
    {"a": 1}
    ```

```python
%load_ext x
```
"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Block]:
    monkeypatch.setattr(module, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    return blocks_of(page)


def test_blocks_are_found_with_their_words(found: list[Block]) -> None:
    assert [one.language for one in found] == ["bash", "json", "python"]
    assert found[1].words == ("output", "expect=409")
    assert found[1].text == '{"a": 1}\n'
    assert found[1].place == "page.md:11"


def test_a_block_that_does_not_run_has_a_reason(found: list[Block]) -> None:
    assert found[0].reason == "it never ends"
    assert [one.runs for one in found] == [False, False, True]


def test_words_say_what_is_expected(found: list[Block]) -> None:
    assert [one.is_output for one in found] == [False, True, False]
    assert [one.expected_status for one in found] == [None, 409, None]
    assert [one.is_cell for one in found] == [False, False, True]


def test_a_block_without_an_end_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\nls\n")
    with pytest.raises(ValueError, match="has no end"):
        blocks_of(page)


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ({"a": 1}, {"a": 1}),
        ({"a": "..."}, {"a": [1, 2]}),
        ({"a": 1, "...": "..."}, {"a": 1, "b": 2}),
        ([1, "..."], [1, 2, 3]),
        ("There is nothing...", "There is nothing at /x."),
        ([], []),
    ],
)
def test_what_is_said_is_what_is_answered(said: object, answered: object) -> None:
    assert json_problem(said, answered) is None


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": True}, {"a": 1}),
        ([1], [1, 2]),
        ([], {}),
        ("There is nothing", "There is something"),
        (None, 0),
    ],
)
def test_what_is_said_is_not_what_is_answered(said: object, answered: object) -> None:
    assert json_problem(said, answered) is not None


def test_texts_may_leave_something_out() -> None:
    assert text_problem("a ... c\n", "a b c") is None
    assert text_problem("a ... c", "a b d") is not None
