"""The sub-commands that keep definitions in files."""

from __future__ import annotations

from .command import Command, argument

_DIR = argument("folder", metavar="DIR", help="the folder")
_TABLES = argument("tables", nargs="*", metavar="TABLE", help="only what is about these")
_PRUNE = argument(
    "--prune", action="store_true", help="delete what is defined and not in the folder"
)

DEFINITION_COMMANDS = (
    Command(
        name="export",
        summary="Write all that has been defined into a folder of files, for git: tables, scripts, "
        "access, flows.\nSecrets are named, and never written.",
        arguments=(_DIR, _TABLES),
        example="%enfyra export definitions\n%enfyra export definitions post author",
    ),
    Command(
        name="diff",
        summary="Show what apply would change: + what is new, ~ what becomes another, - what is in "
        "no file.",
        arguments=(_DIR, _TABLES, _PRUNE),
        example="%enfyra diff definitions",
    ),
    Command(
        name="apply",
        summary="Make the definitions those of a folder. What could lose data waits for --apply, "
        "and nothing is\ndeleted without --prune. Done again, it changes nothing.",
        arguments=(
            _DIR,
            _TABLES,
            argument("--plan", action="store_true", help="only show what would change"),
            argument("--apply", action="store_true", help="apply it even where data gets lost"),
            _PRUNE,
        ),
        example="%enfyra apply definitions --plan\n%enfyra apply definitions",
    ),
)
