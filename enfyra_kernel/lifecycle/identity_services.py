"""Everything that says who is calling, put together once for a kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..clock import Clock
from ..cluster.limits import Limits
from ..errors import EnfyraError
from ..identity.adapters import AuthAdapter, AuthSetup
from ..identity.api_tokens import ApiTokens
from ..identity.authenticator import Authenticator
from ..identity.holders import Holder, HubServer
from ..identity.hub_auth import HubAuth
from ..identity.oauth import Flow, Linking, Providers
from ..identity.oidc import Issuers, Remote
from ..identity.openid_auth import OpenIdAuth
from ..identity.own_auth import OwnAuth
from ..identity.passwords import Passwords
from ..identity.resets import PasswordResets
from ..identity.session_rows import SessionRows
from ..identity.sessions import Sessions
from ..identity.throttle import LoginThrottle
from ..identity.tokens import Tokens
from ..identity.users import Users
from ..identity.verified import Announce, Revocations, VerifiedTokens
from ..records.encryption import Keyring
from ..records.records import Records
from ..settings import Settings
from .account_tokens import AccountTokens
from .accounts import Accounts
from .oauth import OAuth
from .operations import Operation
from .provisioning import Provisioning
from .scripted import Scripted
from .user_rows import UserRows


class IdentityServices:
    """Users and their logins, API tokens, and providers elsewhere.

    Args:
        announce: Tells the other instances whose tokens are worth nothing any more.
        scripted: Gives what runs the scripts of providers.
        adapters: Who is asked whom tokens belong to that are not ours.

    Attributes:
        authenticator: Tells callers by their tokens.
        revocations: Has tokens looked up anew.
        resets: Sets passwords that were forgotten.
        user_rows: Prepares rows of users.
        providers: Prepares rows of providers.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        records: Records,
        users: Users,
        passwords: Passwords,
        keyring: Keyring,
        limits: Limits,
        announce: Announce,
        scripted: Callable[[], Scripted],
        adapters: Sequence[AuthAdapter],
    ) -> None:
        self._clock = clock
        self._records = records
        verified = VerifiedTokens(clock)
        self.revocations = Revocations(verified, users.forget, announce)
        tokens = Tokens(settings.signing_keys(), clock)
        throttle = LoginThrottle(limits, settings)
        self.sessions = Sessions(
            SessionRows(records), users, passwords, tokens, throttle, clock, settings,
            self.revocations,
        )  # fmt: skip
        self.resets = PasswordResets(users, passwords, self.sessions, tokens, limits, clock)
        self.api_tokens = ApiTokens(records, clock, self.revocations)
        own = OwnAuth(
            tokens, self.sessions, self.api_tokens, clock, remembered=settings.access_token_ttl
        )
        self.authenticator = Authenticator(
            (own, *adapters, *_configured(settings)), verified, tokens, self.api_tokens, clock
        )
        self.user_rows = UserRows(users, passwords, self.sessions)
        self.remote = Remote()
        self.issuers = Issuers(self.remote)
        self.providers = Providers(records, keyring)
        linking = Linking(records, users)
        self._setup = AuthSetup(
            settings=settings,
            clock=clock,
            users=users,
            linking=linking,
            revocations=self.revocations,
            remote=self.remote,
            issuers=self.issuers,
        )
        self.oauth = OAuth(
            self.providers,
            Flow(self.remote, self.issuers, tokens, limits, clock),
            linking,
            self.sessions,
            Provisioning(scripted, records),
        )

    def operations(self) -> Mapping[tuple[str, str], Operation]:
        """Give what the routes under `/auth` and `/me` do."""
        accounts = Accounts(self.sessions, self._records, self.user_rows, self.resets)
        tokens = AccountTokens(self.api_tokens, self.authenticator, self.oauth, self._clock)
        return {
            ("POST", "/auth/login"): accounts.login,
            ("POST", "/auth/refresh-token"): accounts.refresh,
            ("POST", "/auth/logout"): accounts.logout,
            ("POST", "/auth/password/forgot"): accounts.forgot_password,
            ("POST", "/auth/password/reset"): accounts.reset_password,
            ("POST", "/auth/token/exchange"): tokens.exchange,
            ("POST", "/auth/oauth/exchange"): tokens.exchange_code,
            ("GET", "/auth/providers"): self.oauth.providers,
            ("GET", "/auth/:provider"): self.oauth.begin,
            ("GET", "/auth/:provider/callback"): self.oauth.callback,
            ("GET", "/me"): accounts.me,
            ("PATCH", "/me"): accounts.change_me,
            ("GET", "/me/sessions"): accounts.sessions,
            ("DELETE", "/me/sessions/:id"): accounts.end_session,
            ("GET", "/me/tokens"): tokens.list,
            ("POST", "/me/tokens"): tokens.create,
            ("DELETE", "/me/tokens/:id"): tokens.revoke,
            ("GET", "/me/oauth-accounts"): self.oauth.accounts,
        }

    def holder(self, hub: HubServer | None) -> Holder:
        """Give what finds whom the holder of a Jupyter login acts as.

        Args:
            hub: What a JupyterHub has told the server that it has started; None without one.
        """
        return Holder(self._setup, self.authenticator, hub)

    async def start(self) -> None:
        """Set the adapters up."""
        await self.authenticator.start(self._setup)

    async def stop(self) -> None:
        """Close the adapters, and the connections to providers."""
        await self.resets.stop()
        await self.authenticator.stop()
        await self.remote.stop()


def _configured(settings: Settings) -> list[AuthAdapter]:
    """Give the adapters that the settings ask for."""
    adapters: list[AuthAdapter] = []
    if settings.oidc_issuer is not None:
        if settings.oidc_audience is None:
            raise EnfyraError(
                "CONFIGURATION_ERROR",
                "ENFYRA_OIDC_AUDIENCE must say whom the tokens of ENFYRA_OIDC_ISSUER have to be "
                "for",
            )
        adapters.append(OpenIdAuth(settings.oidc_issuer, settings.oidc_audience))
    if settings.hub_api_url is not None:
        adapters.append(HubAuth(settings.hub_api_url))
    return adapters
