from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
import traitlets
from IPython.core.error import UsageError

from enfyra_jupyter.client import ApiError
from enfyra_jupyter.widgets.part import Part, action
from enfyra_jupyter.widgets.shelf import Shelf


class Counter(Part):
    face: ClassVar[str] = "common"
    keeps: ClassVar[tuple[str, ...]] = ("count",)
    count = traitlets.Int().tag(sync=True)

    @action
    def add(self, by: int) -> int:
        if by < 0:
            raise ApiError(
                "VALIDATION_FAILED", "'by' is negative", hint="Give 1", details={"field": "by"}
            )
        if by == 0:
            raise UsageError("Nothing to add")
        self.count += by
        return self.count

    def secret(self) -> str:
        return "not for faces"

    def text(self) -> str:
        return f"<b>{self.count}</b>"


def ask(part: Part, action: str, **given: Any) -> dict[str, Any]:
    return part.answered({"id": "7", "action": action, "given": given})


def test_an_action_is_answered() -> None:
    part = Counter()
    assert ask(part, "add", by=2) == {"answer": "7", "value": 2}
    assert part.count == 2


def test_what_the_server_says_reaches_the_face() -> None:
    said = ask(Counter(), "add", by=-1)["error"]
    assert said == {
        "code": "VALIDATION_FAILED",
        "message": "'by' is negative",
        "hint": "Give 1",
        "details": {"field": "by"},
    }
    assert ask(Counter(), "add", by=0)["error"] == {"message": "Nothing to add"}


def test_a_face_does_not_wait_for_what_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    part, sent = Counter(), list[Any]()
    monkeypatch.setattr(part, "send", sent.append)
    with pytest.raises(TypeError):
        part._asked(part, {"id": "7", "action": "add", "given": {"of": 1}}, [])
    assert sent[0]["answer"] == "7"
    assert "The widget has failed: TypeError" in sent[0]["error"]["message"]


@pytest.mark.parametrize("name", ["secret", "close", "_repr_mimebundle_", "nothing"])
def test_only_what_is_marked_can_be_asked_for(name: str) -> None:
    assert "another version" in ask(Counter(), name)["error"]["message"]


def test_a_widget_shows_itself_without_widgets_too() -> None:
    bundle = Counter(count=3)._repr_mimebundle_()
    assert bundle["text/plain"] == "<b>3</b>"
    assert "&lt;b&gt;3&lt;/b&gt;" in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    json.dumps(bundle)


def test_a_cell_that_runs_again_leaves_no_widget_behind() -> None:
    shelf = Shelf()
    parts = []
    for number in range(50):
        part = shelf.put(Counter(), "post", cell="a", run=number)
        assert part.count == number
        part.count += 1
        parts.append(part)
    assert shelf.count == 1
    assert [one.comm is None for one in parts] == [True] * 49 + [False]
    shelf.put(Counter(), "post", cell="b", run=50)
    shelf.put(Counter(), "author", cell="a", run=51)
    # What the cell showed before is gone, whatever it was about.
    assert shelf.count == 2
    shelf.clear()
    assert shelf.count == 0
    assert parts[-1].comm is None


def test_one_run_may_show_several_widgets() -> None:
    shelf = Shelf()
    for run in range(2):
        both = [shelf.put(Counter(), "post", cell="a", run=run) for _ in range(2)]
        assert shelf.count == 2
        assert [one.count for one in both] == [0, 10 * run]
        both[1].count = 10
    shelf.clear()
