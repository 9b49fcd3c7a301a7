"""What everything in `appstore` and `canvas` works with, put together once by `app`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import ClientSession

from connector.catalogues.in_use import Mappings
from connector.database.engine import Database
from connector.intercom.client import IntercomClient
from connector.intercom.oauth import App
from connector.manifest import Manifest
from connector.settings import Settings
from connector.stripe_api.client import StripeApi
from connector.telemetry.facts import Tell
from connector.workspaces.directory import Directory
from connector.workspaces.vault import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """`received` and `queued` ring for the stages behind them; `session` is for Intercom's OAuth."""

    settings: Settings
    database: Database
    vault: Vault
    directory: Directory
    manifest: Manifest
    session: ClientSession
    intercom: IntercomClient
    stripe: StripeApi
    mappings: Mappings
    tell: Tell
    received: Callable[[], None]
    queued: Callable[[], None]

    @property
    def app(self) -> App | None:
        """The app at Intercom; None where this service runs without one (one workspace, by its access token)."""
        secret = self.settings.intercom_client_secret
        if self.settings.intercom_client_id is None or secret is None:
            return None
        return App(self.settings.intercom_client_id, secret.get_secret_value(), self.settings.intercom_api_url)

    def now(self) -> int:
        """Milliseconds since 1970."""
        return self.database.clock.now()
