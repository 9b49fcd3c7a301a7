"""The control plane under /sandbox: seed contacts, script faults, change limits, and ask what was received.

For tests and people on this machine; there is no password. The same is at hand in Python as methods of `Sandbox`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import msgspec
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from connector.errors import UsageError
from connector.sandbox.answers import json_response
from connector.sandbox.data_events import ReceivedEvent
from connector.sandbox.fault_player import Handler
from connector.sandbox.faults import Fault
from connector.sandbox.settings import StripeKey, WorkspaceSettings
from connector.sandbox.state import State
from connector.sandbox.stripe_shelf import Pages

Answer = dict[str, Any]
ControlHandler = Callable[[State, web.Request], Awaitable[Answer]]


class ContactsToSeed(BaseModel):
    """What POST /sandbox/contacts takes; each contact has the fields of Intercom's POST /contacts."""

    model_config = ConfigDict(extra="forbid")

    workspace: str | None = None
    contacts: list[dict[str, Any]]


class StripeThings(BaseModel):
    """What POST /sandbox/stripe takes: events and objects as Stripe renders them."""

    model_config = ConfigDict(extra="forbid")

    account: str | None = None
    things: list[dict[str, Any]]


class StripeWebhooks(BaseModel):
    """What POST /sandbox/stripe/send takes; see stripe_sender.py."""

    model_config = ConfigDict(extra="forbid")

    account: str | None = None
    events: list[str] | None = None
    again: bool = False


def control_routes(state: State) -> list[web.RouteDef]:
    """Every route of the control plane."""
    return [web.route(method, path, _plain(state, handler)) for method, path, handler in ROUTES]


async def list_events(state: State, request: web.Request) -> Answer:
    """Every accepted event; `at_least` with `within` (seconds) waits until so many are there, or the time is up."""
    query = request.query
    at_least, within = int(query.get("at_least", 0)), float(query.get("within", 5))

    def wanted() -> list[ReceivedEvent]:
        duplicate = _flag(query.get("duplicate"))
        return state.ledger.accepted(workspace=query.get("workspace"), name=query.get("name"), duplicate=duplicate)

    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await state.ledger.until(lambda: len(wanted()) >= at_least)
    return {"events": [event.as_json() for event in wanted()]}


async def list_calls(state: State, request: web.Request) -> Answer:
    """The calls, and their number by method, route and status."""
    path, status = request.query.get("path"), request.query.get("status")
    calls = state.ledger.answered(path=path, status=int(status) if status else None)
    return {"counts": dict(state.ledger.counts), "calls": [msgspec.structs.asdict(call) for call in calls]}


async def list_faults(state: State, _: web.Request) -> Answer:
    """What may still strike."""
    return {"faults": [fault.model_dump(mode="json") for fault in state.faults.in_force(now=state.clock())]}


async def set_fault(state: State, request: web.Request) -> Answer:
    """One more fault."""
    fault = Fault.model_validate_json(await request.read())
    state.faults.set(fault, now=state.clock())
    return fault.model_dump(mode="json")


async def clear_faults(state: State, _: web.Request) -> Answer:
    """Behave again."""
    state.faults.clear()
    return {"faults": []}


async def list_contacts(state: State, request: web.Request) -> Answer:
    """Everyone in a workspace, archived and merged ones too."""
    return {"contacts": [asdict(contact) for contact in state.workspace(request.query.get("workspace")).contacts]}


async def seed_contacts(state: State, request: web.Request) -> Answer:
    """Contacts that are searchable at once."""
    sent = ContactsToSeed.model_validate_json(await request.read())
    return {"contacts": [asdict(state.seed_contact(sent.workspace, fields)) for fields in sent.contacts]}


async def list_workspaces(state: State, _: web.Request) -> Answer:
    """The settings in force, and the event names each workspace has."""
    return {
        "workspaces": [
            {**workspace.settings.model_dump(mode="json"), "names": list(workspace.events.names())}
            for workspace in state.workspaces.values()
        ]
    }


async def add_workspace(state: State, request: web.Request) -> Answer:
    """A further workspace."""
    added = state.add_workspace(WorkspaceSettings.model_validate_json(await request.read()))
    return added.settings.model_dump(mode="json")


async def configure_workspace(state: State, request: web.Request) -> Answer:
    """Other settings: rate limit, search delay, scopes, token, …"""
    changes = json.loads(await request.read())
    if not isinstance(changes, dict):
        raise UsageError("the settings to change are a JSON object")
    return state.configure(request.match_info["app_id"], changes).model_dump(mode="json")


async def load_stripe(state: State, request: web.Request) -> Answer:
    """Events and objects for the local Stripe."""
    sent = StripeThings.model_validate_json(await request.read())
    state.stripe.load(sent.things, sent.account)
    return {"loaded": len(sent.things)}


async def send_stripe(state: State, request: web.Request) -> Answer:
    """Webhooks of what has not got through yet, or (`again`) of everything."""
    wanted = StripeWebhooks.model_validate_json(await request.read() or b"{}")
    account = state.stripe.account(wanted.account)
    sent = await state.sender.send(account, now=state.clock(), only=wanted.events, again=wanted.again)
    return {"sent": [asdict(each) for each in sent]}


async def list_stripe_endpoints(state: State, request: web.Request) -> Answer:
    """The webhook endpoints of an account, of either mode."""
    account = state.stripe.account(request.query.get("account"))
    both = (account.endpoints.page(Pages(limit=100), livemode=livemode)[0] for livemode in (True, False))
    return {"endpoints": [endpoint for some in both for endpoint in some]}


async def add_stripe_key(state: State, request: web.Request) -> Answer:
    """A further API key."""
    key = StripeKey.model_validate_json(await request.read())
    state.stripe.add_key(key)
    return key.model_dump(mode="json")


async def reset(state: State, _: web.Request) -> Answer:
    """As at the start."""
    state.reset()
    return {"reset": True}


def _plain(state: State, handler: ControlHandler) -> Handler:
    """`handler` answering JSON, its caller's mistakes as 400 with a sentence."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return json_response(await handler(state, request))
        except ValidationError as error:
            return json_response({"error": _sentence(error)}, status=400)
        except (UsageError, ValueError) as error:
            return json_response({"error": str(error)}, status=400)

    return handle


def _sentence(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())


def _flag(text: str | None) -> bool | None:
    return None if text is None else text == "true"


ROUTES: list[tuple[str, str, ControlHandler]] = [
    ("GET", "/sandbox/events", list_events),
    ("GET", "/sandbox/calls", list_calls),
    ("GET", "/sandbox/faults", list_faults),
    ("POST", "/sandbox/faults", set_fault),
    ("DELETE", "/sandbox/faults", clear_faults),
    ("GET", "/sandbox/contacts", list_contacts),
    ("POST", "/sandbox/contacts", seed_contacts),
    ("GET", "/sandbox/workspaces", list_workspaces),
    ("POST", "/sandbox/workspaces", add_workspace),
    ("PATCH", "/sandbox/workspaces/{app_id}", configure_workspace),
    ("POST", "/sandbox/stripe", load_stripe),
    ("POST", "/sandbox/stripe/send", send_stripe),
    ("GET", "/sandbox/stripe/endpoints", list_stripe_endpoints),
    ("POST", "/sandbox/stripe/keys", add_stripe_key),
    ("POST", "/sandbox/reset", reset),
]
