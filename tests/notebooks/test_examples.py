"""The notebooks that teach run from top to bottom; those that could mind run once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from .conftest import RemoteKernel
from .test_quickstart import run, text

# What some cells show, by their ids: what the notebook is there to show.
SHOWN: dict[str, dict[str, list[str]]] = {
    "model-a-domain": {
        "aircraft": ["aircraft is created", "model many-to-one aircraft_model"],
        "push-aircraft": ["Upserted 3,322 rows into aircraft"],
        "groups": ["BOEING            1630"],
        "refused": ["engines must be at least 1", "a seat for the pilot", "Did you mean 'maker'?"],
        "restrict": ["RELATION_IN_USE"],
        "apply": ["built becomes year_built"],
        "losing": ["loses the column 'aircraft.year_built' and its values"],
        "back": ["year_built becomes built"],
    },
    "hooks-by-example": {
        "clean": ['"name": "Nowhere Field"', "not saved; --save does that"],
        "live": ["('QQQ', 'A New Field')"],
        "refused": ["409 CONFLICT"],
        "seen": ["'altMetres': 1655"],
        "nearest": ["'name': 'Wall Street Heliport', 'km': 0.8"],
        "wrong": ["ZeroDivisionError", "line 2"],
    },
    "permissions": {
        "try": ["delta@example.com    135 delays", "faa@example.com      610 delays"],
        "writes": ["Success", "not allowed to set minutes", "There is no 'delay'"],
        "why": ["row policy 'own delays'"],
        "why-not": ["Log in first"],
        "anonymous": ["'airline': 'Delta Air Lines Inc.'", "401"],
    },
    "flows-on-a-schedule": {
        "flow": ["every day at 06:00 (America/New_York)"],
        "run": ["(288, 21)"],
        "found": ["Gusts of 62 mph at LGA"],
        "counts": ["observation    288", "storm_warning  21"],
        "logs": ["288 observations"],
        "failed": ["FileNotFoundError"],
        "mended": ["is completed"],
    },
    "adopt-a-database": {
        "adopt": ["4 tables and 2 relations are defined"],
        "use": ["JetBlue Airways"],
        "tables": ["late_flights   187"],
    },
    "analytics": {
        "duckdb": ["UA    278"],
        "polars": ["EWR"],
        "back": ["into carrier_summary"],
        "large": ["True"],
    },
    "support-inbox": {
        "see": ["ann sees", "internalNote"],
        "answer": ["Success", "not allowed to set status", "not allowed to see the field"],
        "wait": ["Urgent: HA51 to HNL left 21 hours late"],
        "runs": ["completed"],
        "summary": ["'waiting': 1"],
    },
}
# Those whose tables, accounts and rules are there the second time; some cells show less then.
AGAIN = ("model-a-domain", "hooks-by-example", "permissions", "support-inbox")
FIRST_ONLY = {"aircraft", "summary"}


@pytest.mark.parametrize("name", SHOWN)
def test_runs(name: str, kernel: RemoteKernel, project: Path) -> None:
    notebook = nbformat.read(project / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    first = run(notebook, kernel)
    complained = [one.text for outputs in first.values() for one in outputs if _is_stderr(one)]
    assert [said for said in complained if "rows" not in said] == []
    for cell, parts in SHOWN[name].items():
        for part in parts:
            assert part in text(first[cell]), (cell, text(first[cell]))
    if name not in AGAIN:
        return
    again = run(notebook, kernel)
    for cell in SHOWN[name].keys() - FIRST_ONLY:
        for part in SHOWN[name][cell]:
            assert part in text(again[cell]), (cell, text(again[cell]))


def _is_stderr(output: Any) -> bool:
    """Progress bars are written there, too; they count rows."""
    return output.output_type == "stream" and output.name == "stderr"


def test_none_is_left_out(project: Path) -> None:
    names = {path.stem for path in (project / "notebooks").glob("*.ipynb")}
    assert names == {*SHOWN, "quickstart"}


@pytest.mark.parametrize("name", SHOWN)
def test_is_kept_without_outputs(name: str, project: Path) -> None:
    notebook = nbformat.read(project / "notebooks" / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
