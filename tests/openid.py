"""An OpenID provider of our own: it signs real tokens, and insists on what clients have to send."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, HTTPError, RequestHandler

CLIENT, SECRET = "enfyra", "the client's secret / with signs: %&?"
_PAGE = """<!doctype html><title>Provider</title><h1>Who are you?</h1><form action="/allow">
<input type="hidden" name="query" value="{}"><button>I am Ann</button></form>"""


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class OpenId:
    """The provider.

    Attributes:
        person: The claims of whoever logs in there.
        changed: Claims of ID tokens that are other than they should be.
        key: What it signs with.
        asks: Whether a page asks who it is; else everybody is let in at once.
        denies: Whether it lets nobody in.
        seen: The queries that browsers came with.
    """

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self.key = key
        self.kid = "1"
        self.published = {self.kid: key}
        self.reset()
        self._codes: dict[str, dict[str, str]] = {}
        handlers = [
            ("/.well-known/openid-configuration", _Discovery, {"provider": self}),
            ("/authorize", _Authorize, {"provider": self}),
            ("/allow", _Allow, {"provider": self}),
            ("/token", _Token, {"provider": self}),
            ("/jwks", _Keys, {"provider": self}),
            ("/user(/emails)?", _GitHub, {"provider": self}),
            ("/hub/api/user", _Hub, {"provider": self}),
        ]
        self._server = HTTPServer(Application(handlers))
        socket, self.port = bind_unused_port("127.0.0.1")
        self._server.add_sockets([socket])
        self.url = f"http://127.0.0.1:{self.port}"
        self.issuer = self.url

    def reset(self) -> None:
        self.person: dict[str, Any] = {
            "sub": "ann-1", "email": "Ann@Example.org", "email_verified": True, "name": "Ann",
        }  # fmt: skip
        self.github: dict[str, Any] = {"id": 77, "login": "ann"}
        self.emails: list[Any] = []
        self.access = "an access token"
        self.hub = {"0123456789abcdef": {"name": "Ann@Example.org", "kind": "user"}}
        self.changed: dict[str, Any] = {}
        self.algorithm: str = "RS256"
        self.sign_with: Any = None
        self.asks = self.denies = False
        self.seen: list[dict[str, str]] = []

    def stop(self) -> None:
        self._server.stop()

    def sign(self, claims: dict[str, Any]) -> str:
        key = self.sign_with or self.key
        return jwt.encode(claims, key, self.algorithm, headers={"kid": self.kid})

    def claims(self, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        given = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, **self.person}
        return {k: v for k, v in {**given, **more, **self.changed}.items() if v is not ...}

    def admit(self, query: dict[str, str]) -> str:
        """Give where to send a browser that is let in."""
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        answer = {"code": code, "state": query["state"]}
        if self.denies:
            answer = {"error": "access_denied", "state": query["state"]}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def redeem(self, form: dict[str, str]) -> dict[str, str]:
        """Take a code, and insist on everything."""
        query = self._codes.pop(form.get("code", ""), None)
        if query is None:
            raise HTTPError(400, "no such code")
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(form["code_verifier"].encode()).digest()
        ).rstrip(b"=")
        assert query["code_challenge_method"] == "S256"
        assert challenge.decode() == query["code_challenge"]
        assert (form["client_id"], form["client_secret"]) == (CLIENT, SECRET)
        assert form["redirect_uri"] == query["redirect_uri"]
        assert form["grant_type"] == "authorization_code"
        return query


class _Handler(RequestHandler):
    def initialize(self, provider: OpenId) -> None:
        self.provider = provider

    def query(self) -> dict[str, str]:
        return {name: self.get_query_argument(name) for name in self.request.query_arguments}


class _Discovery(_Handler):
    def get(self) -> None:
        url = self.provider.url
        self.write(
            {
                "issuer": self.provider.issuer,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/jwks",
                "userinfo_endpoint": f"{url}/user",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        )


class _Authorize(_Handler):
    def get(self) -> None:
        query = self.query()
        self.provider.seen.append(query)
        if self.provider.asks:
            self.write(_PAGE.format(urlencode(query).replace("&", "&amp;")))
            return
        self.redirect(self.provider.admit(query))


class _Allow(_Handler):
    def get(self) -> None:
        self.redirect(self.provider.admit(dict(parse_qsl(self.get_query_argument("query")))))


class _Token(_Handler):
    def post(self) -> None:
        form = {name: self.get_body_argument(name) for name in self.request.body_arguments}
        query = self.provider.redeem(form)
        answer = {"access_token": self.provider.access, "token_type": "Bearer"}
        if "nonce" in query:
            answer["id_token"] = self.provider.sign(self.provider.claims(nonce=query["nonce"]))
        self.write(answer)


class _Keys(_Handler):
    def get(self) -> None:
        keys = [
            {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}
            for kid, key in self.provider.published.items()
        ]
        self.write({"keys": keys})


class _GitHub(_Handler):
    def get(self, emails: str | None) -> None:
        assert self.request.headers["Authorization"] == f"Bearer {self.provider.access}"
        self.finish(json.dumps(self.provider.emails if emails else self.provider.github))


class _Hub(_Handler):
    """A JupyterHub, as far as it says whose tokens are."""

    def get(self) -> None:
        token = self.request.headers["Authorization"].removeprefix("Bearer ")
        if token not in self.provider.hub:
            raise HTTPError(403)
        told = self.provider.hub[token]
        self.write({"scopes": [f"access:servers!server={told.get('name')}/"], **told})
