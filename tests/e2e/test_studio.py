"""The widgets in a real browser: driven by keyboard and mouse, in one page.

    ENFYRA_PICTURES=docs/images pytest tests/e2e/test_studio.py

takes the pictures in the documentation.
"""

from __future__ import annotations

import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from .conftest import PATIENCE, run_all, write_notebook

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.may_block]

PICTURES = os.environ.get("ENFYRA_PICTURES")
expect = playwright.expect
# A machine that does much else takes its time; who waits for what is there waits for nothing.
expect.set_options(timeout=PATIENCE)

CELLS = (
    "%load_ext enfyra_jupyter",
    "%%enfyra table pen_name\ncolumns:\n  name: varchar(60)! unique",
    "%%enfyra table essay\ncolumns:\n  title: varchar(60)!\n"
    "  state: enum(draft, published) = draft\n"
    "relations:\n  author: pen_name inverse essays",
    "essays = [{'title': 'On trees'}]\n%enfyra push essays --table essay --no-progress",
    "%enfyra design essay",
    "%enfyra erd pen_name essay --click",
    "%enfyra studio pen_name",
    "%%enfyra flow digest --cron '0 6 * * 1' --timezone Europe/Berlin\n"
    "- {key: essays, type: script, source: 'return await #essay.count()'}\n"
    "- {key: pause, type: sleep, config: {ms: 600000}}\n"
    "- {key: tell, type: log, config: {message: '{{ @FLOW.essays }} essays'}}",
    "%enfyra board digest",
    "%enfyra build pen_name",
    "%enfyra access /pen_name",
    "%enfyra grid pen_name",
    "import pandas as pd\n"
    "trees = pd.DataFrame({\n"
    "    'kind': [['oak', 'beech', '<b>elm</b>'][n * n % 7 % 3] for n in range(200)],\n"
    "    'rings': [(n - 100) ** 2 // 90 if n % 9 else None for n in range(200)],\n"
    "    'height': [n * n % 101 / 7 + n / 9 for n in range(200)],\n"
    "    'seen': pd.date_range('2024-01-01', periods=200, freq='37h', tz='UTC'),\n"
    "})\n"
    "trees['rings'] = trees['rings'].astype('Int32')\n"
    "%enfyra push trees --table tree --no-progress",
    "%enfyra pick tree",
    "%enfyra profile tree --click",
)


def test_widgets(watched: Any, lab: Any) -> None:
    write_notebook(lab.root / "studio.ipynb", *CELLS)
    page = watched.page
    page.set_viewport_size({"width": 1400, "height": 1400})
    page.add_init_script(CLICKS)
    run_all(page, lab, "studio.ipynb")
    walk_along_relations(page)
    write_a_hook(page)
    run_a_flow(page)
    build_a_query(page)
    narrow_a_profile(page)
    pick_a_record(page)
    write_a_rule(page)
    design_a_table(page)
    assert watched.errors == []
    nothing_needs_a_mouse(page)
    # Lab begins with its light theme, and complains about itself when it takes another one.
    found = barriers(page)
    take_dark(page)
    assert "\n".join([*found, *barriers(page)]) == ""
    watched.errors.clear()
    keep_what_was_set(page)
    assert watched.errors == []
    assert watched.elsewhere == []


# Notes what listens to clicks.
CLICKS = """
window.clicked = new Set();
const add = EventTarget.prototype.addEventListener;
EventTarget.prototype.addEventListener = function (name, ...more) {
    if (name === "click" && this instanceof Element) window.clicked.add(this);
    return add.call(this, name, ...more);
};
"""
# The options of a combobox are chosen in its text, Shift and an arrow make a column wider, and for
# the steps in a flow's picture there is a list. Of what arrow keys go along, Tab arrives at one.
NEEDS_A_MOUSE = """
() => {
    const keyed = "button, input, select, textarea, summary, [tabindex]";
    const other = "[role=option], .enfyra-grid-handle, [data-step]";
    const ours = [...window.clicked].filter((one) =>
        one.isConnected && one.closest(".enfyra-part") && !one.matches(other));
    const along = ".enfyra-part :is([role=toolbar], [role=grid], .enfyra-erd, .enfyra-permissions)";
    const found = ours.filter((one) => !one.matches(keyed)).concat(
        [...document.querySelectorAll(along)].filter((one) => one.querySelector("[tabindex='-1']")
            && one.querySelectorAll("[tabindex='0']").length !== 1));
    return {clicked: ours.length, found: found.map((one) => one.outerHTML.slice(0, 200))};
}
"""


def nothing_needs_a_mouse(page: Any) -> None:
    answer = page.evaluate(NEEDS_A_MOUSE)
    assert answer["clicked"] > 50
    assert answer["found"] == []


def keep_what_was_set(page: Any) -> None:
    """Set something in each widget, where that is not done yet, and run its cell again."""
    part(page, "%enfyra board digest").get_by_label("Payload").fill("{days: 3}")
    part(page, "%enfyra access").get_by_label("Routes like").fill("/pen")
    grid = part(page, "%enfyra grid pen_name").get_by_role("columnheader", name="name")
    grid.click()
    expect(grid).to_have_attribute("aria-sort", "ascending")
    design = part(page, "%enfyra design essay")
    design.get_by_label("Name of column 1").fill("heading")
    expect(design.locator(".enfyra-changes")).to_contain_text("headline becomes heading")
    for cell in CELLS:
        if cell.startswith("%enfyra "):
            run_cell(page, cell)
    expect(design.get_by_label("Name of column 1")).to_have_value("heading")
    erd = part(page, "%enfyra erd pen_name")
    expect(erd.locator("[aria-pressed=true] .name")).to_have_text("essay")
    studio = part(page, "%enfyra studio pen_name")
    expect(studio.get_by_label("body")).to_have_value("{name: ann}")
    board = part(page, "%enfyra board digest")
    expect(board.get_by_text("of digest is cancelled")).to_be_visible()
    expect(board.get_by_label("Payload")).to_have_value("{days: 3}")
    expect(part(page, "%enfyra build").get_by_label("Value of condition 1")).to_have_value("An")
    expect(part(page, "%enfyra access").get_by_label("Routes like")).to_have_value("/pen")
    expect(grid).to_have_attribute("aria-sort", "ascending")
    chosen = part(page, "%enfyra pick tree").get_by_role("combobox")
    expect(chosen).to_have_value(re.compile(r"^<b>elm</b> \(\d+\)$"))
    expect(part(page, "%enfyra profile").get_by_label("Columns like")).to_have_value("kin")


def run_cell(page: Any, text: str) -> None:
    """Run a cell once more, and wait until it has run."""
    written = page.locator(".jp-InputArea").filter(has_text=text)
    cell = page.locator(".jp-CodeCell").filter(has=written)
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.inner_text().strip()
    written.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(prompt).not_to_have_text(before)
    expect(prompt).to_have_text(re.compile(r"\d"))


def take_dark(page: Any) -> None:
    page.click(".lm-MenuBar-itemLabel:text-is('Settings')")
    page.hover(".lm-Menu-itemLabel:text-is('Theme')")
    page.click(".lm-Menu-itemLabel:text-is('JupyterLab Dark')")
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")


# Within Lab's panels, axe takes texts for hidden: their colours are compared in a copy beside them.
BARRIERS = """
async () => {
    const only = {resultTypes: ["violations"]};
    const built = await axe.run(".enfyra-part", only);
    const copy = document.createElement("main");
    for (const one of document.querySelectorAll(".enfyra-part")) copy.append(one.cloneNode(true));
    const lab = document.getElementById("main");
    lab.hidden = true;
    document.body.append(copy);
    const coloured = await axe.run(copy, {runOnly: ["color-contrast"]});
    copy.remove();
    lab.hidden = false;
    const compared = coloured.passes.concat(coloured.violations).flatMap((one) => one.nodes);
    return {found: built.violations.concat(coloured.violations), compared: compared.length};
}
"""


def barriers(page: Any) -> list[str]:
    """Say what keeps people from using the widgets, as axe-core finds it."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    answer = page.evaluate(BARRIERS)
    assert answer["compared"] > 150
    return [
        f"{one['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for one in answer["found"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


def part(page: Any, cell: str) -> Any:
    """Give the widget below the cell with a text."""
    written = page.locator(".jp-InputArea").filter(has_text=cell)
    return page.locator(".jp-CodeCell").filter(has=written).locator(".enfyra-part")


def take_picture(one: Any, name: str, below: int = 0) -> None:
    """Take a picture of a widget, and of so many pixels below it."""
    if PICTURES:
        path = Path(PICTURES) / f"widget-{name}.png"
        one.page.mouse.move(5, 5)
        box = one.bounding_box()
        clip = {**box, "height": box["height"] + below}
        one.page.screenshot(path=str(path), clip=clip) if below else one.screenshot(path=str(path))
        assert path.stat().st_size < 150_000


def design_a_table(page: Any) -> None:
    form = part(page, "%enfyra design essay")
    changes = form.locator(".enfyra-changes")
    expect(changes).to_have_text("none")
    form.get_by_label("Name of column 1").fill("headline")
    expect(changes).to_contain_text("~ title becomes headline")
    form.get_by_role("button", name="Add a column").press("Enter")
    # The new column's name has the focus.
    page.keyboard.type("views")
    form.get_by_label("Type of column 3").select_option("int")
    form.get_by_label("Default of column 3").fill("many")
    expect(changes).to_contain_text("must be an integer")
    expect(form.get_by_label("Default of column 3")).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_role("button", name="Apply")).to_be_disabled()
    form.get_by_label("Default of column 3").fill("0")
    expect(changes).to_contain_text("+ views int")
    form.get_by_text("As a cell").click()
    expect(form.locator("pre")).to_contain_text("headline: varchar(60)! was title")
    take_picture(form, "design")
    form.get_by_label("Rules of column 1").press("Enter")
    form.get_by_role("button", name="Add a rule").press("Enter")
    page.keyboard.type("3")
    expect(changes).to_contain_text("minLength 3")
    form.get_by_role("button", name="Add a relation").press("Enter")
    page.keyboard.type("editor")
    form.get_by_label("Table of relation 2").fill("pen_name")
    expect(changes).to_contain_text("+ editor many-to-one pen_name")
    apply = form.get_by_role("button", name="Apply")
    apply.click()
    said = form.locator("xpath=..").locator(".enfyra-said")
    expect(said).to_contain_text("essay is live at")
    expect(changes).to_have_text("none")
    # Whether data may get lost is asked and answered without a mouse.
    form.get_by_label("Remove column 3").press("Enter")
    expect(changes).to_contain_text("! loses the column 'essay.views' and its values")
    apply.press("Enter")
    expect(form.get_by_role("button", name="Keep everything")).to_be_focused()
    page.keyboard.press("Tab")
    expect(form.get_by_role("button", name="Lose it, and apply")).to_be_focused()
    page.keyboard.press("Enter")
    expect(changes).to_have_text("none")
    expect(form.get_by_label("Name of column 3")).to_have_count(0)


def walk_along_relations(page: Any) -> None:
    erd = part(page, "%enfyra erd pen_name")
    essay = erd.get_by_role("button", name="essay, 3 columns; author to pen_name")
    essay.focus()
    page.keyboard.press("ArrowRight")
    pen_name = erd.get_by_role("button", name="pen_name, 2 columns; 1 refer to it")
    expect(pen_name).to_be_focused()
    page.keyboard.press("Enter")
    expect(pen_name).to_have_attribute("aria-pressed", "true")
    erd.get_by_role("button", name="First records").click()
    expect(erd.get_by_text("0 of 0")).to_be_visible()
    erd.get_by_role("button", name="essay", exact=True).click()
    expect(essay).to_be_focused()
    # A table is chosen by the mouse as well.
    pen_name.click()
    expect(pen_name).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowLeft")
    expect(essay).to_be_focused()
    # Down and up go through all. Keys that are Lab's for cells, such as D twice, are not for them.
    page.keyboard.press("ArrowDown")
    expect(pen_name).to_be_focused()
    page.keyboard.press("d")
    page.keyboard.press("d")
    page.keyboard.press("ArrowUp")
    expect(essay).to_be_focused()
    page.keyboard.press("Space")
    expect(essay).to_have_attribute("aria-pressed", "true")
    take_picture(erd, "erd")


def write_a_hook(page: Any) -> None:
    studio = part(page, "%enfyra studio pen_name")
    lint = studio.locator(".enfyra-lint")
    source = studio.locator(".cm-content")
    source.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("@BODDY.name = 1")
    expect(lint).to_contain_text("line 1: There is no macro @BODDY. Did you mean @BODY?")
    expect(studio.locator(".cm-lint-marker-error")).to_have_count(1)
    page.keyboard.press("Control+A")
    page.keyboard.type("@BODY.name = @BODY.name.title()")
    expect(lint).to_have_text("The script can run")
    studio.get_by_label("body").fill("{name: ann}")
    source.click()
    page.keyboard.press("Control+Enter")
    report = studio.get_by_label("What the trial did")
    expect(report).to_contain_text("201 in")
    expect(report).to_contain_text('"name": "Ann"')
    studio.get_by_label("Name", exact=True).fill("capital letters")
    studio.get_by_role("button", name="Save", exact=True).click()
    expect(studio.locator("xpath=..").get_by_text("capital letters is saved")).to_be_visible()
    keep_what_is_not_saved(page, studio)
    studio.get_by_label("body").press("Control+Enter")
    expect(report).to_contain_text("201 in")
    studio.get_by_text("Versions").click()
    expect(studio.get_by_text("1 · ")).to_be_visible()
    take_picture(studio, "studio")
    # Escape and Tab leave the editor, where Tab alone indents.
    source.click()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(studio.get_by_label("body")).to_be_focused()


def keep_what_is_not_saved(page: Any, studio: Any) -> None:
    """Begin another script, look at the first one, and come back."""
    first = studio.get_by_role("button", name="capital letters", exact=True)
    studio.get_by_role("button", name="New hook after").click()
    # Its name has the focus.
    page.keyboard.type("thanks")
    studio.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.type("@DATA = {**@DATA, 'thanks': True}")
    second = studio.get_by_role("button", name="thanks", exact=True)
    expect(second).to_have_attribute("aria-current", "true")
    first.click()
    expect(studio.locator(".cm-content")).to_contain_text("title()")
    expect(studio.get_by_role("row", name="after thanks")).to_contain_text("not saved")
    second.click()
    expect(studio.locator(".cm-content")).to_contain_text("'thanks': True")
    studio.get_by_role("button", name="Drop what is not saved").click()
    expect(second).to_have_count(0)
    # What is asked for is on or off at once, and a question comes before a script is gone.
    studio.get_by_label("capital letters is on").uncheck()
    said = studio.locator("xpath=..").locator(".enfyra-said")
    expect(said).to_have_text("capital letters does not run any more")
    studio.get_by_role("button", name="Delete capital letters").click()
    expect(studio.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Escape")
    expect(studio.get_by_role("button", name="Delete capital letters")).to_be_focused()
    studio.get_by_label("capital letters is on").check()
    expect(said).to_have_text("capital letters runs again")


def run_a_flow(page: Any) -> None:
    board = part(page, "%enfyra board digest")
    expect(board.get_by_text("at 06:00 on Monday (Europe/Berlin)").first).to_be_visible()
    expect(board.get_by_text("It has not run yet")).to_be_visible()
    board.get_by_role("button", name="Run", exact=True).click()
    timeline = board.get_by_role("table", name="When each step was at work")
    expect(timeline.get_by_role("row", name="pause running")).to_be_visible()
    expect(timeline.get_by_role("row", name="essays completed")).to_be_visible()
    expect(board.locator(".enfyra-picture [data-step=pause]")).to_contain_text("pause")
    take_picture(board, "board")
    board.get_by_role("button", name="Cancel the run").press("Enter")
    expect(board.get_by_text("of digest is cancelled")).to_be_visible()
    runs = board.get_by_role("table", name="Runs")
    expect(runs.get_by_role("row", name="cancelled")).to_be_visible()
    expect(board.get_by_role("button", name="Go on from")).to_be_visible()


def build_a_query(page: Any) -> None:
    builder = part(page, "%enfyra build pen_name")
    found = builder.get_by_label("The first page")
    expect(found).to_contain_text("0 of 0")
    builder.get_by_role("button", name="Add a condition").press("Enter")
    # The new condition's field has the focus.
    expect(builder.get_by_label("Field of condition 1")).to_be_focused()
    builder.get_by_label("Field of condition 1").select_option("name")
    builder.get_by_label("Operator of condition 1").select_option("_starts_with")
    builder.get_by_label("Value of condition 1").fill("An")
    expect(builder.locator("pre")).to_contain_text('filter: {"name": {"_starts_with": "An"}}')
    take_picture(builder, "build")
    builder.get_by_role("button", name="Add a field to sort by").press("Enter")
    order = builder.get_by_label("Field 1 to sort by", exact=True)
    expect(order).to_be_focused()
    page.keyboard.press("ArrowDown")
    # One goes on where one was.
    expect(order).to_be_focused()
    expect(order).to_have_value("name")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(builder.get_by_label("Field 1: the greatest first")).to_be_focused()
    expect(builder.locator("pre")).to_contain_text("sort: [-name]")
    builder.get_by_label("Remove field 1 to sort by").press("Enter")
    expect(builder.get_by_label("Add a field")).to_be_focused()


def write_a_rule(page: Any) -> None:
    matrix = part(page, "%enfyra access")
    matrix.get_by_label("Routes like").press("Tab")
    # Each role has the same methods, and Tab arrives at the first of them.
    first = matrix.get_by_role("button", name="everybody: GET /pen_name")
    expect(first).to_be_focused()
    expect(first).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("ArrowRight")
    expect(matrix.get_by_role("button", name="everybody: POST /pen_name")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    said = matrix.locator("xpath=..").locator(".enfyra-said")
    for pressed, text in (("true", "now"), ("false", "no longer")):
        page.keyboard.press("Enter")
        expect(said).to_have_text(f"everybody may {text} GET /pen_name")
        expect(first).to_have_attribute("aria-pressed", pressed)
        # One goes on where one was.
        expect(first).to_be_focused()


def narrow_a_profile(page: Any) -> None:
    profile = part(page, "%enfyra profile tree")
    conditions = profile.get_by_role("list", name="Conditions")
    # Values are text; the cell finds what is seen.
    profile.get_by_role("button", name="kind <b>elm</b>").click()
    expect(profile.get_by_text("tree: 57 of 200 rows")).to_be_visible()
    expect(conditions).to_contain_text("kind is <b>elm</b>")
    rings = profile.get_by_role("toolbar", name="Values of rings")
    rings.get_by_role("button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(profile.locator("pre")).to_contain_text('"rings": {"_gte"')
    expect(conditions.get_by_role("listitem")).to_have_count(2)
    # One goes on where one was.
    expect(rings.get_by_role("button").first).to_be_focused()
    take_picture(profile, "profile")
    conditions.get_by_role("button", name="Take off: rings").click()
    expect(profile.get_by_text("tree: 57 of 200 rows")).to_be_visible()
    profile.get_by_role("button", name="only rows without rings").press("Enter")
    expect(conditions).to_contain_text("rings is null")
    profile.get_by_role("button", name="Take all conditions off").press("Enter")
    expect(profile.get_by_text("tree: 200 rows")).to_be_visible()
    profile.get_by_label("Columns like").fill("kin")
    expect(profile.get_by_text("1 of 7 columns")).to_be_visible()


def pick_a_record(page: Any) -> None:
    picker = part(page, "%enfyra pick tree")
    box = picker.get_by_role("combobox", name="Record of tree")
    found = picker.get_by_role("listbox")
    box.evaluate("(one) => one.scrollIntoView({block: 'center'})")
    box.press("ArrowDown")
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(found.get_by_role("option")).to_have_count(20)
    # What is behind the last one comes when one goes there.
    box.press("PageDown")
    box.press("PageDown")
    expect(found.get_by_role("option")).to_have_count(40)
    box.press("Escape")
    expect(found).to_be_hidden()
    box.fill("<B>e")
    expect(found.get_by_role("option", name="<b>elm</b>").first).to_have_attribute(
        "aria-selected", "true"
    )
    box.press("ArrowDown")
    chosen = found.get_by_role("option", selected=True)
    expect(box).to_have_attribute("aria-activedescendant", chosen.get_attribute("id"))
    take_picture(picker, "pick", below=300)
    box.press("Enter")
    expect(picker.get_by_role("region", name="The chosen record of tree")).to_contain_text(
        "<b>elm</b>"
    )
    expect(box).to_have_value(re.compile(r"^<b>elm</b> \(\d+\)$"))
    picker.get_by_role("button", name="Choose none").press("Enter")
    expect(box).to_be_focused()
    expect(box).to_have_value("")
    page.keyboard.type("<b>elm")
    expect(found.get_by_role("option", name="<b>elm</b>").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(box).to_have_value(re.compile(r"^<b>elm</b> \(\d+\)$"))
