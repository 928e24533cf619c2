"""What `%load_ext` and the first command import: nothing that takes long and may never be used."""

from __future__ import annotations

import json
import subprocess
import sys

from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

LOAD = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.run_line_magic("load_ext", "enfyra_jupyter")
assert "enfyra" in shell.magics_manager.magics["cell"]
def imported():
    return sorted({name.partition(".")[0] for name in set(sys.modules) - before})
loaded = imported()
shell.run_line_magic("enfyra", "help tables")
print(json.dumps([loaded, imported()]))
"""
# What only data that is loaded or fetched whole needs, and widgets.
OF_DATA = {
    "anywidget", "duckdb", "ipywidgets", "matplotlib", "numpy", "pandas", "polars", "pyarrow",
    "tqdm",
}  # fmt: skip
HEAVY = OF_DATA | {"httpx", "pydantic", "sqlalchemy", "tornado"}


def test_loading_is_light() -> None:
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    loaded, used = json.loads(done.stdout)
    assert HEAVY.isdisjoint(loaded)
    assert OF_DATA.isdisjoint(used)


def test_what_stands_in_makes_room_when_it_is_used(bare_shell: InteractiveShell) -> None:
    bare_shell.run_line_magic("load_ext", "enfyra_jupyter")
    stand_in = bare_shell.find_line_magic("enfyra")
    assert "%enfyra help COMMAND" in stand_in.__doc__
    with provisionalcompleter():
        found = list(bare_shell.Completer.completions("%enfyra desc", len("%enfyra desc")))
    assert [one.text for one in found] == ["describe"]
    assert bare_shell.find_line_magic("enfyra") is not stand_in
    assert len(bare_shell.Completer.custom_matchers) == 1


def test_its_first_cell_is_done(bare_shell: InteractiveShell) -> None:
    bare_shell.run_line_magic("load_ext", "enfyra_jupyter")
    done = bare_shell.run_cell("shown = %enfyra help query")
    assert done.success
    assert "--filter" in repr(bare_shell.user_ns["shown"])
    # What is in braces is not for IPython to expand.
    done = bare_shell.run_cell("%enfyra {nothing}")
    assert "has no '{nothing}'" in str(done.error_in_exec)
