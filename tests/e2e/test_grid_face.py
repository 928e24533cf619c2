"""The grid's face by itself, in a page without Jupyter: what it shows of values and of failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from enfyra_jupyter.widgets.grid import Grid

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.may_block]

expect = playwright.expect
COLUMNS = 500
HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\u202egnp"
# Stands for the widget's model in Python: a million rows of 500 columns, and a server that is
# away at first.
MODEL = """
async ({script, css, hostile, count}) => {
    document.head.append(Object.assign(document.createElement("style"), {textContent: css}));
    const url = URL.createObjectURL(new Blob([script], {type: "text/javascript"}));
    const face = (await import(url)).default;
    const kinds = ["integer", "text", "choice", "boolean", "date", "json"];
    const columns = Array.from({length: count}, (_, n) => ({
        name: `c${n}`, kind: kinds[n % 6], choices: n % 6 === 2 ? ["draft", "done"] : [],
        nullable: true, editable: n > 0, insertable: n > 0, default: null,
        sortable: true, filterable: true, picks: n === 7,
    }));
    const traits = {columns, size: 20, name: "wide", sort: [], filters: {}, filterable: true,
                    top: 0, left: 0, widths: {}, fresh: [], marked: {}, creatable: true,
                    deletable: true};
    const theirs = {};
    const value = (row, n) => (n === 1 && theirs[row]) ||
        [String(row), [hostile, "", null][row % 3], "done", "true", "2024-01-31", "{}"][n % 6];
    const cells = (row) => columns.map((_, n) => value(row, n));
    window.asked = [];
    let hear = null;
    const answers = {
        page: ({number, count}) => ({
            total: count ? 1000000 : null,
            rows: Array.from({length: 20}, (_, n) => (
                {key: String(number * 20 + n), cells: cells(number * 20 + n)})),
        }),
        create: ({given}) => (given.c1 === "taken"
            ? {code: "DUPLICATE", hint: null, problems: {c1: "c1 is taken"}}
            : {key: "1000001", cells: columns.map((one) => given[one.name] ?? null)}),
        delete: ({key, base}) => {
            if (key === "4") theirs[4] = "theirs";
            return key === "4" && base.c1 !== "theirs" ? {changed: cells(4)} : {gone: true};
        },
        candidates: ({text}) => ({
            rows: [{key: "17", label: `${text}<b>`}], next: null, wide: null, total: 1,
        }),
        change: ({key, name, text}) => ({
            value: text,
            cells: cells(Number(key)).map((one, n) => (columns[n].name === name ? text : one)),
        }),
    };
    const model = {
        get: (name) => traits[name], set: (more) => Object.assign(traits, more),
        save_changes: () => {}, on: (_, then) => { hear = then; }, off: () => {},
        send: ({id, action, given}) => setTimeout(() => {
            window.asked.push({action, given});
            if (window.asked.length === 1) {
                const error = {code: "SERVER_UNREACHABLE", message: "It is away", hint: "Wait"};
                hear({answer: id, error});
            } else hear({answer: id, value: answers[action](given)});
        }),
    };
    window.traits = traits;
    window.end = face.render({model, el: document.body});
}
"""


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 900, "height": 700})
    page = context.new_page()
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    facts = {"script": Grid._esm, "css": Grid._css, "hostile": HOSTILE, "count": COLUMNS}
    page.goto("about:blank")
    page.evaluate(MODEL, facts)
    yield page
    context.close()


def cell(page: Any, row: int, column: int) -> Any:
    return page.locator(f"tr[aria-rowindex='{row + 2}'] > td[aria-colindex='{column + 1}']")


def test_a_wide_grid(page: Any) -> None:
    # The server is away, and comes back.
    expect(page.get_by_role("alert")).to_contain_text("SERVER_UNREACHABLE: It is away. Wait")
    page.get_by_role("button", name="Try again").click()
    expect(cell(page, 1, 1)).to_have_text("0")
    expect(page.get_by_role("alert")).to_be_hidden()

    # Values are text; none is not the same as an empty one.
    expect(cell(page, 1, 2)).to_have_text("<img src=x onerror=alert(1)>␛[31m⟨202E⟩gnp")
    assert page.locator("img").count() == 0
    expect(cell(page, 2, 2)).to_have_text("")
    expect(cell(page, 3, 2)).to_have_text("null")

    # Of 500 columns, those in sight are there.
    expect(page.get_by_role("grid")).to_have_attribute("aria-colcount", str(COLUMNS + 1))
    assert page.locator("td").count() < 400
    cell(page, 1, 1).click()
    page.keyboard.press("End")
    expect(cell(page, 1, COLUMNS)).to_be_focused()
    page.keyboard.press("Home")

    # Editors by type.
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("F2")
    choice = page.get_by_label("c2 of row 1")
    assert choice.locator("option").all_inner_texts() == ["draft", "done", "null"]
    choice.select_option("draft")
    page.keyboard.press("Tab")
    expect(cell(page, 1, 3)).to_have_text("draft")
    expect(cell(page, 1, 4)).to_be_focused()
    page.keyboard.press("Delete")
    expect(cell(page, 1, 4)).to_have_text("null")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("F2")
    expect(page.get_by_label("c4 of row 1")).to_have_attribute("type", "date")
    page.keyboard.press("Escape")
    expect(cell(page, 1, 5)).to_be_focused()
    # What cannot be changed is not.
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.locator(".enfyra-said")).to_have_text("c0 cannot be changed here")

    # A related record is chosen by its name.
    cell(page, 1, 1).click()
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("F2")
    page.keyboard.type("An")
    expect(page.get_by_role("option", name="An<b> 17")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(cell(page, 1, 8)).to_have_text("17")
    expect(cell(page, 1, 8)).to_be_focused()
    page.keyboard.press("Home")

    # A width is kept.
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("window.traits.widths.c0 > 90")
    changes = page.evaluate("window.asked.filter((one) => one.action === 'change')")
    assert [one["given"]["text"] for one in changes] == ["draft", None, "17"]
    page.evaluate("window.end()")


def test_rows_come_and_go(page: Any) -> None:
    page.get_by_role("button", name="Try again").click()
    cell(page, 1, 2).click()

    # A new row stands at the end, is refused at its cell, and is saved.
    page.keyboard.press("Insert")
    expect(page.get_by_role("rowheader", name="new")).to_be_visible()
    page.keyboard.type("taken")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".enfyra-grid-message")).to_contain_text("c1 is taken")
    page.keyboard.press("Control+A")
    page.keyboard.type("free")
    page.keyboard.press("Enter")
    # What is not saved is undone, and done again.
    page.keyboard.press("Control+z")
    expect(cell(page, 1_000_001, 2)).to_have_text("taken")
    page.keyboard.press("Control+y")
    page.wait_for_function(
        "window.traits.fresh.length === 1 && window.traits.fresh[0].c1 === 'free'"
    )
    page.keyboard.press("Control+Enter")
    said = page.locator(".enfyra-said")
    waiting = page.get_by_role("group", name="Not saved")
    expect(said).to_contain_text("1 row saved as 1000001")
    expect(waiting).to_be_hidden()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()

    # Several rows are marked, one is kept, and the others are asked for.
    page.get_by_label("Go to row").fill("4")
    page.get_by_label("Go to row").press("Enter")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator("tr[aria-selected=true]")).to_have_count(3)
    page.get_by_role("button", name="Delete 3 rows").click()
    expect(waiting).to_contain_text("3 rows to be deleted")
    page.keyboard.press("Enter")
    expect(said).to_have_text("Row 6 is to be deleted")
    page.keyboard.press("Control+Delete")
    expect(waiting).to_contain_text("2 rows to be deleted")
    page.keyboard.press("Control+z")
    expect(waiting).to_contain_text("3 rows to be deleted")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="Not yet")).to_be_focused()
    page.keyboard.press("Escape")
    assert page.evaluate("window.asked.filter((one) => one.action === 'delete').length") == 0
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Delete 3 rows", exact=True).last.click()
    # Somebody has changed one of them.
    expect(waiting.get_by_role("alert")).to_contain_text("Somebody has changed 1 row meanwhile (4)")
    expect(cell(page, 5, 2)).to_have_text("theirs")
    waiting.get_by_role("button", name="Save").click()
    expect(waiting).to_be_hidden()
    deleted = page.evaluate("window.asked.filter((one) => one.action === 'delete')")
    assert [one["given"]["key"] for one in deleted] == ["3", "4", "5", "4"]

    # All of it can be dropped, and brought back.
    cell(page, 5, 2).click()
    page.keyboard.press("Insert")
    page.keyboard.press("Control+Home")
    page.keyboard.press("Control+Delete")
    expect(waiting).to_contain_text("1 new row, 1 row to be deleted")
    waiting.get_by_role("button", name="Drop").click()
    expect(waiting).to_be_hidden()
    page.get_by_role("button", name="Undo").click()
    expect(waiting).to_contain_text("1 new row, 1 row to be deleted")
