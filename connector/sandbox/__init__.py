"""A local Intercom and Stripe for the demo, the tests and mapping authors; imports nothing of ours but the errors."""

from connector.sandbox.app import make_app
from connector.sandbox.contacts import Contact
from connector.sandbox.data_events import ReceivedEvent
from connector.sandbox.faults import Fault, FaultKind
from connector.sandbox.ledger import Call
from connector.sandbox.server import Sandbox, serve
from connector.sandbox.settings import SandboxSettings, Scope, StripeKey, WorkspaceSettings

__all__ = [
    "Call",
    "Contact",
    "Fault",
    "FaultKind",
    "ReceivedEvent",
    "Sandbox",
    "SandboxSettings",
    "Scope",
    "StripeKey",
    "WorkspaceSettings",
    "make_app",
    "serve",
]
