"""Files: where they are, and who may have them."""

from __future__ import annotations

from ..types import ColumnType
from .declarations import Declarations


def declare(d: Declarations) -> None:
    """Declare the tables."""
    d.table("folder_definition", uuid=True, uniques=(("slug", "parent"),))
    d.text("name", is_nullable=False)
    d.text("slug")
    d.number("order", 0)
    d.text("icon")
    d.described()
    d.system()
    d.part_of("parent", "folder_definition", "children")
    d.to_one("user", "user_definition")

    d.table("storage_config_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.choice(
        "type",
        ["Local Storage", "Amazon S3", "Google Cloud Storage", "Cloudflare R2"],
        is_nullable=False,
    )
    d.enabled()
    d.flag("isDefault")
    d.text("bucket", "region")
    d.text("accessKeyId", "accountId", is_published=False)
    d.long("secretAccessKey", "credentials", is_published=False, is_secret=True)
    d.described()
    d.system()
    d.to_one("createdBy", "user_definition")
    d.to_one("updatedBy", "user_definition")

    d.table("file_definition", uuid=True, uniques=(("location",),))
    d.text("filename", is_nullable=False)
    d.flag("isPublic", True)
    d.text("mimetype")
    d.column("filesize", ColumnType.BIGINT)
    d.text("location", is_nullable=False)
    d.described()
    d.choice("status", ["active", "archived", "quarantine"], "active", is_nullable=False)
    d.to_one("folder", "folder_definition", "files")
    d.to_one("uploadedBy", "user_definition")
    d.to_one("storageConfig", "storage_config_definition")

    d.table("file_permission_definition", uniques=(("file", "role"),))
    d.column(
        "actions", ColumnType.ARRAY_SELECT, options=["view", "edit", "delete", "share", "download"]
    )
    d.enabled()
    d.json("allowedDomains")
    d.described()
    d.part_of("file", "file_definition", "permissions", is_nullable=False)
    d.part_of("role", "role_definition")
    d.many("allowedUsers", "user_definition")
