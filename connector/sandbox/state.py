"""All that one sandbox holds while it runs, shared by its routes, its control plane and its Python object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connector.errors import UsageError
from connector.sandbox.answers import Refused
from connector.sandbox.contacts import Contact
from connector.sandbox.faults import Faults
from connector.sandbox.ledger import Ledger
from connector.sandbox.rate_limit import Windows
from connector.sandbox.settings import SandboxSettings, WorkspaceSettings
from connector.sandbox.stripe import StripeAccounts
from connector.sandbox.stripe_sender import StripeSender
from connector.sandbox.workspace import Workspace

Clock = Callable[[], float]


class State:
    """The workspaces by app id and by token, the Stripe accounts, the ledger, the faults and the clock."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.ledger = Ledger(settings.ledger)
        self.faults = Faults()
        self.stripe = StripeAccounts(settings.stripe_keys)
        self.sender = StripeSender()
        self.workspaces: dict[str, Workspace] = {}
        self._by_token: dict[str, Workspace] = {}
        self._app_windows = Windows()
        self.install_statuses: list[dict[str, Any]] = []
        self.reset()

    def add_workspace(self, settings: WorkspaceSettings) -> Workspace:
        """A further workspace. Raises UsageError when its app id or token is taken."""
        if settings.app_id in self.workspaces or settings.token in self._by_token:
            raise UsageError(f"there is a workspace {settings.app_id} or one with its token already")
        workspace = Workspace(settings, self.ledger)
        self.workspaces[settings.app_id] = workspace
        self._by_token[settings.token] = workspace
        return workspace

    def workspace(self, app_id: str | None = None) -> Workspace:
        """The workspace of that app id, or the first. Raises UsageError when there is none."""
        found = self.workspaces.get(app_id) if app_id else next(iter(self.workspaces.values()), None)
        if found is None:
            raise UsageError(f"there is no workspace {app_id}; there are {', '.join(self.workspaces)}")
        return found

    def configure(self, app_id: str | None, changes: dict[str, object]) -> WorkspaceSettings:
        """Change a workspace's settings while it runs, its token too. Raises pydantic's ValidationError."""
        workspace = self.workspace(app_id)
        old = workspace.settings
        new = WorkspaceSettings.model_validate({**old.model_dump(), **changes, "app_id": old.app_id})
        workspace.configure(new)
        del self._by_token[old.token]
        self._by_token[new.token] = workspace
        return new

    def seed_contact(self, app_id: str | None, fields: dict[str, Any]) -> Contact:
        """A contact as POST /contacts makes it, but searchable at once. Raises UsageError where Intercom refuses."""
        contacts = self.workspace(app_id).contacts
        made = contacts.create({"role": "user", **fields}, now=self.clock(), search_delay=0)
        if isinstance(made, Refused):
            raise UsageError(made.message)
        return made

    def opened_by(self, authorization: str | None) -> Workspace | None:
        """The workspace whose token an Authorization header carries."""
        kind, _, token = (authorization or "").partition(" ")
        return self._by_token.get(token.strip()) if kind.lower() == "bearer" else None

    def app_refused(self, *, now: float) -> Refused | None:
        """Count one call of the whole app; a 429 when all its workspaces together made one too many."""
        if self.settings.app_rate_limit is None:
            return None
        return self._app_windows.take(self.settings.app_rate_limit, now=now).refused

    def reset(self) -> None:
        """As it was at the start; the ledger's file is kept."""
        self.ledger.clear()
        self.faults.clear()
        self.stripe.clear()
        self.install_statuses.clear()
        self.sender.clear()
        self.workspaces.clear()
        self._by_token.clear()
        for settings in self.settings.workspaces:
            self.add_workspace(settings)
