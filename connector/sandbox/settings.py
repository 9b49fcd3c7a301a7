"""What a sandbox is told before it starts, and what can be changed while it runs: workspaces, limits, keys.

Where Intercom's documents contradict each other, the answer is a setting here; docs/sandbox.md says which is which.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Scope(StrEnum):
    """A permission of an access token, named after its line in Intercom's Developer Hub."""

    WRITE_EVENTS = "write_events"
    READ_EVENTS = "read_events"
    WRITE_CONTACTS = "write_users_and_companies"
    READ_CONTACT = "read_one_user_and_one_company"
    LIST_CONTACTS = "read_and_list_users_and_companies"


class WorkspaceSettings(BaseModel):
    """One Intercom workspace and the access token that opens it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    app_id: str = "sandbox"
    token: str = "sandbox-token"  # noqa: S105 - the documented token of a server that holds nothing
    name: str = "Sandbox"
    region: Literal["US", "EU", "AU"] = "US"
    timezone: str = "UTC"
    email_verified: bool = True
    scopes: frozenset[Scope] = frozenset(Scope)
    rate_limit: int | None = Field(default=1666, ge=0, description="calls in each 10 seconds; null: no limit")
    metadata_keys: Literal[10, 20] = Field(default=10, description="later keys of an event are ignored")
    event_names: int = Field(default=120, ge=0, description="active event names a workspace may have")
    search_delay: float = Field(default=0.0, ge=0, description="seconds until a new contact can be searched")
    create_contacts: bool = Field(default=False, description="an event for an unknown person creates them")
    match_email_case: bool = Field(default=False, description="Ada@example.com is not ada@example.com")

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name != "UTC" and name not in available_timezones():
            raise ValueError(f"{name} is not a time zone")
        return name


class StripeKey(BaseModel):
    """One API key of a Stripe account; a restricted key names what it may read and what it may change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = "rk_test_sandbox"
    account: str = "acct_sandbox"
    reads: frozenset[str] | None = Field(default=None, description="customers, charges, …; null: everything")
    writes: frozenset[str] = Field(default=frozenset(), description="webhook_endpoints; what it may change it may read")

    def may(self, resource: str, *, writes: bool) -> bool:
        """Whether Stripe lets this key do that."""
        return self.reads is None or resource in self.writes or (not writes and resource in self.reads)

    @property
    def livemode(self) -> bool:
        """Stripe's keys say it in their second word: rk_live_…, sk_test_…."""
        return self.key.split("_")[1:2] == ["live"]


class OAuthApp(BaseModel):
    """The one app that workspaces can allow; without a redirect address nobody comes back from allowing it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-client-secret"  # noqa: S105 - the documented secret of a server that holds nothing
    redirect_uri: str | None = None


class SandboxSettings(BaseModel):
    """Everything one sandbox process serves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspaces: tuple[WorkspaceSettings, ...] = (WorkspaceSettings(),)
    app_rate_limit: int | None = Field(default=None, ge=0, description="calls in 10 s over all workspaces")
    stripe_keys: tuple[StripeKey, ...] = (StripeKey(),)
    oauth: OAuthApp = OAuthApp()
    stripe_rate_limit: int | None = Field(default=None, ge=0, description="calls in 1 s to an account; null: no limit")
    ledger: Path | None = Field(default=None, description="JSON-lines file that keeps all that was received")
