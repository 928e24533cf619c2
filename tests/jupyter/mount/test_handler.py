"""Who may do what below the mount point of a Jupyter Server."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from jupyter_server.auth import User


@pytest.fixture
def post() -> dict[str, Any]:
    return {
        "name": "post",
        "columns": [{"name": "title", "type": "varchar"}, {"name": "token", "type": "varchar"}],
    }


async def publish(send: Any, jupyter: Any, path: str, *methods: str) -> None:
    known = {
        one["name"]: one["id"]
        for one in (await send("GET", "/method_definition", headers=jupyter)).data
    }
    query = quote(f'{{"path":"{path}"}}')
    route = (await send("GET", f"/route_definition?filter={query}", headers=jupyter)).data[0]
    body = {"publicMethods": [known[one] for one in methods]}
    answer = await send("PATCH", f"/route_definition/{route['id']}", body, headers=jupyter)
    assert answer.status == 200, answer.raw


class TestHolderOfTheJupyterToken:
    async def test_acts_as_the_owner(self, send, jupyter, post):
        me = await send("GET", "/me", headers=jupyter)
        assert me.data[0]["email"] == "admin@enfyra.local"
        assert me.data[0]["isRootAdmin"] is True
        assert (await send("POST", "/table_definition", post, headers=jupyter)).status == 201
        created = await send("POST", "/post", {"title": "Hello"}, headers=jupyter)
        assert created.status == 201
        assert created.data[0]["title"] == "Hello"

    async def test_may_send_the_token_in_the_query(self, send, jupyter):
        token = jupyter["Authorization"].removeprefix("token ")
        assert (await send("GET", f"/me?token={token}")).status == 200
        assert (await send("GET", f"/me?limit=1&token={token}&no_track_activity=1")).status == 200

    async def test_is_one_owner_whatever_name_jupyter_makes_up(self, send, jupyter):
        # Jupyter gives each token request without a cookie another random user (trap 5).
        first, second = [await send("GET", "/me", headers=jupyter) for _ in range(2)]
        assert first.data[0]["id"] == second.data[0]["id"]

    async def test_is_nobody_in_a_server_that_a_hub_has_started_for_another(
        self, send, jupyter, monkeypatch
    ):
        # The Hub may let people into each other's servers; they act as the owner in their own.
        monkeypatch.setenv("JUPYTERHUB_USER", "ann")
        assert (await send("GET", "/me", headers=jupyter)).status == 401

    async def test_is_not_sent_to_log_in_again_as_a_guest(self, send, jupyter, monkeypatch):
        # The Hub would send him back at once, and so on for ever.
        cookies = (await send("GET", "/me", headers=jupyter)).cookies
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        assert (await send("GET", "/docs", headers={"Cookie": cookie})).status == 200
        monkeypatch.setenv("JUPYTERHUB_USER", "ann")
        for path in ("/docs", "/openapi.json"):
            answer = await send("GET", path, headers={"Cookie": cookie})
            assert (answer.status, answer.error["code"]) == (403, "AUTHORIZATION_ERROR")

    async def test_filters_a_field_called_token_through_the_filter(self, send, jupyter, post):
        await send("POST", "/table_definition", post, headers=jupyter)
        await send("POST", "/post", [{"token": "a"}, {"token": "b"}], headers=jupyter)
        where = quote('{"token":"b"}')
        secret = jupyter["Authorization"].removeprefix("token ")
        found = await send("GET", f"/post?filter={where}&token={secret}")
        assert [row["token"] for row in found.data] == ["b"]


class TestServerThatAHubHasStarted:
    @pytest.fixture
    def enfyra_environment(self):
        return {"JUPYTERHUB_USER": "ann", "JUPYTERHUB_API_TOKEN": "a" * 32}

    async def test_its_user_acts_as_himself(self, send, jupyter, jp_serverapp, monkeypatch):
        # The Hub's own provider of identities tells names; the one here makes them up.
        provider, name = jp_serverapp.identity_provider, "ann"
        monkeypatch.setattr(provider, "generate_anonymous_user", lambda _: User(name))
        me = (await send("GET", "/me", headers=jupyter)).data[0]
        assert (me["email"], me["loginProvider"]) == ("ann@jupyterhub.invalid", "jupyterhub")
        # The file is his own.
        assert me["isRootAdmin"] is True
        name = "ben"
        assert (await send("GET", "/me", headers=jupyter)).status == 401


class TestEnfyraToken:
    async def test_works_for_every_method_without_xsrf(self, send, login, post):
        # Jupyter takes every bearer token for its own, finds no match and asks for XSRF (trap 4).
        bearer = await login()
        assert (await send("POST", "/table_definition", post, headers=bearer)).status == 201
        created = await send("POST", "/post", {"title": "x"}, headers=bearer)
        assert created.status == 201
        path = f"/post/{created.data[0]['id']}"
        assert (await send("PATCH", path, {"title": "y"}, headers=bearer)).status == 200
        assert (await send("DELETE", path, headers=bearer)).status == 200

    async def test_works_from_a_page_of_another_origin(self, send, login, jp_serverapp):
        jp_serverapp.web_app.settings["allow_origin"] = "https://app.example"
        bearer = await login()
        answer = await send("GET", "/me", headers={**bearer, "Origin": "https://app.example"})
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"

    async def test_works_from_a_page_of_an_origin_that_is_let_in(self, send, login, jupyter):
        origin = {"origin": "https://app.example"}
        made = await send("POST", "/cors_origin_definition", origin, headers=jupyter)
        assert made.status == 201
        bearer = await login()
        answer = await send("GET", "/me", headers={**bearer, "Origin": "https://app.example"})
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
        asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"}
        preflight = await send("OPTIONS", "/me", headers=asked)
        assert preflight.headers["Access-Control-Allow-Methods"] == "GET, HEAD, PATCH"
        # Jupyter's own cookie is none of theirs.
        cookies = (await send("GET", "/me", headers=jupyter)).cookies
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        stolen = {"Cookie": cookie, "Origin": "https://app.example"}
        assert (await send("GET", "/me", headers=stolen)).status == 403

    async def test_may_be_asked_for_beforehand(self, send, jp_serverapp):
        jp_serverapp.web_app.settings["allow_origin"] = "https://app.example"
        headers = {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization",
        }
        answer = await send("OPTIONS", "/me", headers=headers)
        assert answer.status == 204
        assert "authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]

    @pytest.mark.parametrize("extra", ["", "&no_track_activity=1", "&_xsrf=x", "&token=nonsense"])
    async def test_does_not_mind_jupyters_parameters(self, send, login, extra):
        answer = await send("GET", f"/me?fields=email{extra}", headers=await login())
        assert answer.status == 200, answer.raw

    async def test_counts_more_than_the_cookie_beside_it(self, send, jupyter, login):
        cookies = (await send("GET", "/me", headers=jupyter)).cookies
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        assert (await send("GET", "/me", headers={"Cookie": cookie})).status == 200
        bearer = await login()
        both = {**bearer, "Cookie": cookie}
        assert (await send("POST", "/auth/logout", headers=both)).status == 200
        # It is worth nothing now, and the cookie does not step in for it.
        answer = await send("GET", "/table_definition", headers=both)
        assert (answer.status, answer.error["code"]) == (401, "INVALID_TOKEN")

    async def test_that_is_no_token_is_refused_in_our_words(self, send):
        for method in ("GET", "POST"):
            answer = await send(
                method, "/table_definition", headers={"Authorization": "Bearer nonsense"}
            )
            assert answer.status == 401, answer.raw
            assert answer.error["code"] == "INVALID_TOKEN"

    async def test_of_another_scheme_is_the_proxys(self, send, jupyter):
        cookies = (await send("GET", "/me", headers=jupyter)).cookies
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        headers = {"Authorization": "Basic dXNlcjpwYXNz", "Cookie": cookie}
        assert (await send("GET", "/me", headers=headers)).status == 200


class TestStranger:
    @pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE"])
    async def test_is_refused(self, send, jupyter, post, method):
        await send("POST", "/table_definition", post, headers=jupyter)
        path = "/post" if method in {"GET", "POST"} else "/post/1"
        answer = await send(method, path, {} if method != "GET" else None)
        assert (answer.status, answer.error["code"]) == (401, "AUTHENTICATION_ERROR")

    async def test_reads_what_is_published(self, send, jupyter, post):
        await send("POST", "/table_definition", post, headers=jupyter)
        await send("POST", "/post", {"title": "Hello"}, headers=jupyter)
        await publish(send, jupyter, "/post", "GET", "POST")
        assert (await send("GET", "/post?fields=title")).data == [{"id": 1, "title": "Hello"}]
        assert (await send("POST", "/post", {"title": "from outside"})).status == 201
        assert (await send("DELETE", "/post/1")).status == 401

    async def test_at_a_foreign_host_name_gets_nothing(self, send, jupyter, post):
        # A page that had its own name point here would otherwise read what is published.
        await send("POST", "/table_definition", post, headers=jupyter)
        await publish(send, jupyter, "/post", "GET")
        for path in ("/post", "/health", "/docs", "/static/docs.js"):
            answer = await send("GET", path, headers={"Host": "evil.example"})
            assert answer.status == 403, path
            assert answer.error["code"] == "AUTHORIZATION_ERROR"
            assert "allow_remote_access" in answer.error["hint"]

    async def test_at_any_host_name_if_the_server_says_so(self, send, jp_serverapp):
        jp_serverapp.web_app.settings["allow_remote_access"] = True
        assert (await send("GET", "/health", headers={"Host": "data.example"})).status == 200

    async def test_is_shown_where_to_log_in(self, send, jp_base_url):
        answer = await send("GET", "/docs")
        assert answer.status == 302
        assert answer.headers["Location"].startswith(f"{jp_base_url}login?next=")
        assert quote(f"{jp_base_url}enfyra/docs", safe="") in answer.headers["Location"]
        assert (await send("GET", "/openapi.json")).status == 401


class TestCookie:
    async def enter(self, send: Any, jupyter: Any) -> tuple[str, str]:
        """Log in as a browser does; give the cookies, and the value for forms."""
        answer = await send("GET", "/me", headers=jupyter)
        cookies = answer.cookies
        assert "_xsrf" in cookies
        return "; ".join(f"{name}={value}" for name, value in cookies.items()), cookies["_xsrf"]

    async def test_reads(self, send, jupyter):
        cookie, _ = await self.enter(send, jupyter)
        assert (await send("GET", "/me", headers={"Cookie": cookie})).status == 200

    async def test_writes_with_the_xsrf_token_only(self, send, jupyter, post):
        cookie, xsrf = await self.enter(send, jupyter)
        refused = await send("POST", "/table_definition", post, headers={"Cookie": cookie})
        assert (refused.status, refused.error["code"]) == (403, "AUTHORIZATION_ERROR")
        assert "X-XSRFToken" in refused.error["hint"]
        headers = {"Cookie": cookie, "X-XSRFToken": xsrf}
        assert (await send("POST", "/table_definition", post, headers=headers)).status == 201
        by_query = await send(
            "POST", f"/post?_xsrf={quote(xsrf)}", {"title": "x"}, headers={"Cookie": cookie}
        )
        assert by_query.status == 201, by_query.raw

    async def test_from_a_page_of_another_origin_is_refused(self, send, jupyter):
        cookie, xsrf = await self.enter(send, jupyter)
        headers = {"Cookie": cookie, "X-XSRFToken": xsrf, "Origin": "https://evil.example"}
        assert (await send("GET", "/me", headers=headers)).status == 403
        assert (await send("PATCH", "/me", {}, headers=headers)).status == 403

    async def test_of_nobody_needs_no_xsrf(self, send, jupyter, post):
        await send("POST", "/table_definition", post, headers=jupyter)
        await publish(send, jupyter, "/post", "POST")
        answer = await send("POST", "/post", {"title": "x"}, headers={"Cookie": "theme=dark"})
        assert answer.status == 201


class TestErrors:
    async def test_look_the_same_everywhere(self, send, jupyter):
        answer = await send("GET", "/nothing%20here/100%25", headers=jupyter)
        assert answer.status == 404
        assert answer.body["success"] is False
        assert answer.error["code"] == "ROUTE_NOT_FOUND"
        assert answer.headers["Content-Type"] == "application/json"

    async def test_of_methods_that_nobody_knows(self, send, jupyter):
        answer = await send("PURGE", "/me", headers=jupyter)
        assert (answer.status, answer.error["code"]) == (405, "METHOD_NOT_ALLOWED")

    async def test_of_jupyters_own_authorizer(self, send, jupyter, jp_serverapp):
        asked = []

        class ReadOnly:
            def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
                asked.append((action, resource))
                return action == "read"

        jp_serverapp.web_app.settings["authorizer"] = ReadOnly()
        assert (await send("GET", "/me", headers=jupyter)).status == 200
        assert (await send("GET", "/table_definition", headers=jupyter)).status == 200
        refused = await send("POST", "/table_definition", {}, headers=jupyter)
        assert (refused.status, refused.error["code"]) == (403, "AUTHORIZATION_ERROR")
        # One resource for all: Jupyter's decorator would have kept the first (trap 1).
        assert set(asked) == {("read", "enfyra"), ("write", "enfyra")}

    async def test_carry_the_correlation_id(self, send, jupyter):
        headers = {**jupyter, "X-Correlation-ID": "trace-7"}
        answer = await send("GET", "/nothing", headers=headers)
        assert answer.headers["X-Correlation-ID"] == "trace-7"
        assert answer.error["correlationId"] == "trace-7"


class TestSite:
    async def test_documentation_knows_its_mount_point(self, send, jupyter, jp_base_url):
        page = await send("GET", "/docs", headers=jupyter)
        assert page.status == 200
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert f'data-openapi="{jp_base_url}enfyra/openapi.json"'.encode() in page.raw
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        document = await send("GET", "/openapi.json", headers=jupyter)
        assert document.body["servers"] == [{"url": f"{jp_base_url}enfyra"}]
        assert (await send("GET", "/static/docs.js")).status == 200

    async def test_root_leads_to_the_documentation(self, send, jupyter, jp_base_url):
        for path in ("", "/"):
            answer = await send("GET", path, headers=jupyter)
            assert answer.status == 302
            assert answer.headers["Location"] == f"{jp_base_url}enfyra/docs"

    async def test_health_is_for_everybody(self, send):
        assert (await send("GET", "/health")).body == {"status": "ok"}
        assert (await send("GET", "/ready")).body["status"] == "ready"

    async def test_head_has_no_body(self, send, jupyter):
        answer = await send("HEAD", "/me", headers=jupyter)
        assert (answer.status, answer.raw) == (200, b"")

    async def test_options_names_the_methods(self, send, jupyter):
        answer = await send("OPTIONS", "/table_definition", headers=jupyter)
        assert answer.status == 204
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"

    async def test_prefixes_of_the_app_bridge_work_too(self, send, jupyter):
        for prefix in ("/api", "/enfyra"):
            assert (await send("GET", f"{prefix}/me", headers=jupyter)).status == 200

    async def test_another_path_is_jupyters(self, http_server_client, jp_base_url, extension):
        answer = await http_server_client.fetch(
            f"{jp_base_url}enfyrax", raise_error=False, follow_redirects=False
        )
        assert answer.headers["Location"].startswith(f"{jp_base_url}login")


class TestActivity:
    async def test_of_people_counts(self, send, jupyter, login, jp_serverapp):
        settings = jp_serverapp.web_app.settings
        await send("GET", "/me", headers=jupyter)
        first = settings["enfyra_last_activity"]
        await send("GET", "/me", headers=await login())
        assert settings["enfyra_last_activity"] > first
        assert jp_serverapp.web_app.last_activity() >= settings["enfyra_last_activity"]

    async def test_of_monitors_does_not(self, send, jupyter, jp_serverapp):
        await send("GET", "/health", headers=jupyter)
        await send("GET", "/ready")
        await send("GET", "/me?no_track_activity=1", headers=jupyter)
        await send("GET", "/table_definition")
        assert "enfyra_last_activity" not in jp_serverapp.web_app.settings


def test_every_method_says_who_may_call_it(jp_serverapp):
    # Jupyter looks for methods without a decorator (trap 2); ours are behind a router.
    from enfyra_jupyter.mount.handler import EnfyraHandler

    assert jp_serverapp.web_app._check_handler_auth("enfyra", EnfyraHandler) == []


class TestBehindAProxy:
    @pytest.fixture
    def enfyra_environment(self) -> dict[str, str]:
        return {"ENFYRA_TRUSTED_PROXIES": "127.0.0.1,::1"}

    async def test_guards_look_at_whom_the_proxy_names(self, send, jupyter, login):
        guard = {"name": "door", "position": "pre_auth", "route": "/me"}
        assert (await send("POST", "/guard_definition", guard, headers=jupyter)).status == 201
        rule = {"guard": "door", "type": "ip_whitelist", "config": {"ips": ["192.0.2.0/24"]}}
        assert (await send("POST", "/guard_rule_definition", rule, headers=jupyter)).status == 201
        for headers in (jupyter, await login()):
            for told, status in (
                (None, 403), ("192.0.2.7", 200), ("192.0.2.7, 198.51.100.1", 403),
            ):  # fmt: skip
                answer = await send("GET", "/me", headers={**headers, "X-Forwarded-For": told})
                assert answer.status == status, told
