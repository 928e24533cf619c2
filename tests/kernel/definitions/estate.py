"""A kernel in which something of everything is defined."""

from __future__ import annotations

from tests.api import Api

FLOW = {
    "description": "Every night",
    "triggerType": "webhook",
    "triggerConfig": {"path": "nightly", "secret": "hush-hush"},
    "steps": [
        {"key": "ask", "type": "http", "config": {
            "url": "https://example.com", "headers": {"Authorization": "Bearer hush-hush"}}},
        {"key": "many", "type": "condition", "sourceCode": "return True",
         "then": [{"key": "say", "type": "log", "config": {"message": "a\nb"}}],
         "else": [{"key": "else", "type": "sleep", "config": {"ms": 1}}]},
    ],
}  # fmt: skip


async def furnish(api: Api) -> None:
    """Define something of everything."""
    await api.post("/user_definition", {"email": "ann@example.com", "password": "secret-1234"})
    await api.create("/role_definition", {"name": "Editor", "description": "Writes"})
    await api.define(
        "person",
        {"name": "name", "type": "varchar", "isNullable": False, "options": {"length": 60},
         "rules": [{"ruleType": "minLength", "value": 2, "message": "Too short"}]},
        {"name": "mood", "type": "enum", "options": ["good", "so so"], "defaultValue": "so so"},
        relations=[{"type": "one-to-many", "propertyName": "accounts",
                    "targetTable": "user_definition", "inversePropertyName": "person"}],
        description="People: \"all\" of them",
    )  # fmt: skip
    await api.define(
        "post",
        {"name": "id", "type": "uuid", "isPrimary": True},
        "title varchar!",
        {"name": "subtitle", "type": "text", "isPublished": False, "description": "🙂 العنوان"},
        {"name": "views", "type": "int", "defaultValue": 0, "isNullable": False},
        relations=[
            {"type": "many-to-one", "propertyName": "author", "targetTable": "person",
             "inversePropertyName": "posts", "isNullable": False, "onDelete": "CASCADE"},
            {"type": "many-to-many", "propertyName": "readers", "targetTable": "person"},
        ],
        uniques=[["author", "title"]],
        indexes=[["views"]],
    )  # fmt: skip
    await api.create(
        "/column_rule_definition",
        {"column": "user_definition.email", "ruleType": "maxLength", "value": 90},
    )
    await api.create("/route_definition", {
        "path": "/report/:year", "availableMethods": ["GET"], "mainTable": "post"})  # fmt: skip
    await api.publish("/person", "GET")
    await api.create(
        "/route_handler_definition",
        {"route": "/report/:year", "method": "GET", "sourceCode": "return {'ok': True}"},
    )
    await api.create("/pre_hook_definition", {
        "route": "/post", "name": "validate / check", "methods": ["POST", "PATCH"],
        "sourceCode": "# first\n\nif not @BODY.get('title'):\n\traise ValueError('title')",
        "priority": 5})  # fmt: skip
    await api.create(
        "/post_hook_definition",
        {"name": "تحقق", "isGlobal": True, "methods": ["GET"], "sourceCode": "return @DATA\n"},
    )
    await api.create("/cors_origin_definition", {"origin": "https://app.example.com"})
    guard = await api.create(
        "/guard_definition",
        {"name": "slow", "position": "post_auth", "route": "/post", "methods": ["POST"]},
    )
    await api.create(
        "/guard_rule_definition",
        {
            "guard": guard["id"],
            "type": "rate_limit_by_user",
            "config": {"maxRequests": 5, "perSeconds": 60},
            "users": ["ann@example.com"],
        },
    )
    await api.create(
        "/route_permission_definition",
        {"route": "/post", "role": "Editor", "methods": ["GET", "POST"]},
    )
    await api.create(
        "/field_permission_definition",
        {"role": "Editor", "action": "read", "column": "post.subtitle", "effect": "allow"},
    )
    await api.create(
        "/row_policy_definition",
        {
            "name": "own",
            "table": "post",
            "role": "Editor",
            "action": "update",
            "filter": {"author": {"name": {"_eq": "Ann"}}},
        },
    )
    await api.create(
        "/query_definition",
        {
            "name": "popular",
            "table": "post",
            "query": {"filter": {"views": {"_gte": ":least"}}, "sort": "-views"},
            "parameters": {"least": 10},
            "description": "What many have read",
        },
    )
    await api.create(
        "/query_definition",
        {
            "name": "authors",
            "language": "sql",
            "sql": "SELECT name\nFROM person -- all\nWHERE name <> ''",
        },
    )
    answer = await api.put("/admin/flow/nightly", FLOW)
    assert answer.status == 200, answer.body
    await api.create("/bootstrap_script_definition", {"name": "seed", "sourceCode": "return 1"})
    (settings,) = await api.rows("/setting_definition")
    answer = await api.patch(f"/setting_definition/{settings['id']}", {"projectName": "Blog"})
    assert answer.status == 200, answer.body
