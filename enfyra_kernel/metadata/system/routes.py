"""Routes, and the scripts that run on them."""

from __future__ import annotations

from .declarations import Declarations


def declare(d: Declarations) -> None:
    """Declare the tables."""
    d.table("method_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.text("buttonColor", "textColor")
    d.system()

    d.table("route_definition", uniques=(("path",),))
    d.text("path", is_nullable=False)
    d.enabled()
    d.system()
    d.text("icon")
    d.number("maxUploadFileSize")
    d.described()
    d.part_of("mainTable", "table_definition")
    d.many("availableMethods", "method_definition", "routesWithAvailable")
    d.many("publicMethods", "method_definition", "routes")
    d.many("skipRoleGuardMethods", "method_definition", "routesSkipRoleGuard")

    d.table("route_handler_definition", uniques=(("route", "method"),))
    d.script()
    d.described()
    d.part_of("route", "route_definition", "handlers", is_nullable=False)
    d.to_one("method", "method_definition", is_nullable=False)

    d.table(
        "script_version_definition",
        uniques=(("scriptTable", "scriptId", "version"),),
        description="What hooks and handlers held, each time they were saved",
    )
    d.text("scriptTable", is_nullable=False)
    d.number("scriptId", is_nullable=False)
    d.number("version", is_nullable=False)
    d.script(timeout=False)
    d.to_one("savedBy", "user_definition")

    for name, inverse in (("pre_hook", "preHooks"), ("post_hook", "postHooks")):
        d.table(f"{name}_definition")
        d.text("name", is_nullable=False)
        d.script()
        d.number("priority", 0, is_nullable=False)
        d.enabled()
        d.flag("isGlobal")
        d.system()
        d.described()
        d.part_of("route", "route_definition", inverse)
        d.many("methods", "method_definition")
