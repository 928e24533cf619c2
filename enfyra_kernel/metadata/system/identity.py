"""Accounts, and how they log in."""

from __future__ import annotations

from .declarations import Declarations


def declare(d: Declarations) -> None:
    """Declare the tables."""
    d.table("user_definition", uuid=True, uniques=(("email",),))
    d.text("email", is_nullable=False)
    d.text("password", is_published=False, is_secret=True)
    d.flag("isRootAdmin", is_updatable=False)
    d.flag("isDisabled")
    d.system()
    d.to_one("role", "role_definition", "users")

    d.table("role_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.described()

    d.table("session_definition", uuid=True)
    d.instant("expiredAt")
    d.flag("remember")
    d.text("loginProvider")
    d.text("refreshTokenHash", is_published=False, is_secret=True)
    d.text("previousTokenHash", is_published=False, is_secret=True)
    d.instant("refreshedAt")
    d.text("ip", "userAgent")
    d.part_of("user", "user_definition", is_nullable=False)

    d.table("api_token_definition", uuid=True, uniques=(("tokenHash",),))
    d.text("name", is_nullable=False)
    d.text("tokenHash", is_nullable=False, is_published=False, is_secret=True)
    d.text("prefix", "last4")
    d.json("scopes")
    d.instant("expiresAt", "lastUsedAt")
    d.text("lastUsedIp")
    d.part_of("user", "user_definition", is_nullable=False)

    d.table(
        "revocation_definition",
        description="What has been revoked of late, for processes that hear of it no other way",
    )
    d.json("revoked", is_nullable=False)

    d.table("oauth_config_definition", uniques=(("provider",),))
    d.text("provider", is_nullable=False)
    d.text("clientId", is_published=False)
    d.long("clientSecret", is_published=False, is_secret=True)
    d.text("issuer", "scopes", "label", "redirectUri", "appCallbackUrl")
    d.flag("autoSetCookies", True)
    d.flag("linkByEmail", True)
    d.script(timeout=False)
    d.enabled()
    d.described()

    d.table("oauth_account_definition", uniques=(("provider", "providerUserId"),))
    d.text("provider", "providerUserId", is_nullable=False)
    d.flag("emailVerified", True)
    d.part_of("user", "user_definition", is_nullable=False)
