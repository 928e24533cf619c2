"""The application itself: its settings, its start, and what an admin page shows."""

from __future__ import annotations

from ..types import ColumnType
from .declarations import Declarations


def declare(d: Declarations) -> None:
    """Declare the tables."""
    d.table("setting_definition", single=True)
    d.flag("isInit")
    d.text("projectName")
    d.long("projectDescription")
    d.text("projectFavicon")
    d.number("maxQueryDepth", 7, is_nullable=False)
    d.number("maxUploadFileSize", 10, is_nullable=False)
    d.number("maxRequestBodySize", 32, is_nullable=False)
    d.system()

    d.table("gql_definition", uniques=(("table",),))
    d.flag("isEnabled")
    d.system()
    d.described()
    d.json("metadata")
    d.part_of("table", "table_definition", "gqlConfig", is_nullable=False)

    d.table("bootstrap_script_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.described()
    d.script()
    d.number("priority", 0, is_nullable=False)
    d.enabled()
    d.system()
    d.to_one("createdBy", "user_definition")
    d.to_one("updatedBy", "user_definition")

    d.table("ai_config_definition")
    d.text("provider", "model")
    d.long("apiKey", is_published=False, is_secret=True)
    d.json("config")
    d.enabled()

    d.table("package_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.text("version", default_value="latest")
    d.text("flags")
    d.choice("type", ["App", "Server"], "Server", is_nullable=False)
    d.enabled()
    d.described()
    d.system()
    d.choice(
        "status",
        ["installing", "updating", "uninstalling", "installed", "failed"],
        "installing",
        is_nullable=False,
    )
    d.number("installTimeout", 60)
    d.long("lastError")
    d.text("progress")
    d.to_one("installedBy", "user_definition")

    d.table(
        "idempotency_key_definition",
        uniques=(("caller", "key"),),
        indexes=(("createdAt",),),
        description="Answers kept for requests with an Idempotency-Key",
    )
    d.text("caller", "key", "requestHash", is_nullable=False)
    d.text("sees")
    d.number("status")
    d.long("answer", is_published=False, is_secret=True)
    d.text("etag")

    d.table("menu_definition", uniques=(("path",), ("type", "label")))
    d.choice("type", ["Dropdown Menu", "Menu"], "Menu", is_nullable=False)
    d.text("label", is_nullable=False)
    d.text("icon", "path")
    d.enabled()
    d.system()
    d.described()
    d.number("order", 0)
    d.json("permission")
    d.part_of("parent", "menu_definition", "children")

    d.table("extension_definition", uniques=(("extensionId",),))
    d.choice("type", ["page", "widget", "global"], "page", is_nullable=False)
    d.text("name", is_nullable=False)
    d.text("extensionId")
    d.text("version", default_value="1.0.0")
    d.enabled()
    d.system()
    d.described()
    d.column("code", ColumnType.CODE, is_nullable=False)
    d.column("compiledCode", ColumnType.CODE)
    d.to_one("menu", "menu_definition", "extensions")
    d.to_one("createdBy", "user_definition")
    d.to_one("updatedBy", "user_definition")
