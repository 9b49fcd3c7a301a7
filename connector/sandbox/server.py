"""Running a sandbox: inside a test as the `Sandbox` object, or as a process of its own with `serve`."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Collection, Iterable
from types import TracebackType
from typing import Any, Self

import uvloop
from aiohttp import web

from connector.sandbox.app import app_over
from connector.sandbox.contacts import Contact
from connector.sandbox.data_events import ReceivedEvent
from connector.sandbox.faults import Fault, FaultKind
from connector.sandbox.ledger import Call
from connector.sandbox.settings import SandboxSettings, StripeKey, WorkspaceSettings
from connector.sandbox.state import Clock, State
from connector.sandbox.stripe_sender import Sent
from connector.sandbox.stripe_shelf import Pages
from connector.sandbox.workspace import Workspace

HOST = "127.0.0.1"


class Sandbox:
    """A local Intercom and Stripe on a free port of 127.0.0.1, with everything it received at hand.

        async with Sandbox() as sandbox:
            sandbox.add_contact(external_id="42", email="ada@example.com")
            sandbox.fail(status=503, times=2)
            ...                                     # something posts to sandbox.url with sandbox.token
            await sandbox.until(lambda: len(sandbox.events()) == 1)

    Stopping and starting it again keeps the port and everything in it: Intercom was away for a while.
    """

    def __init__(self, settings: SandboxSettings | None = None, *, clock: Clock = time.time) -> None:
        self._state = State(settings or SandboxSettings(), clock)
        self._port = 0
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = HOST, port: int = 0) -> None:
        """Listen; port 0 takes a free one, and the same again after a stop."""
        runner = web.AppRunner(app_over(self._state), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, host, port or self._port).start()
        self._host, self._port = runner.addresses[0][:2]
        self._runner = runner

    async def stop(self) -> None:
        """Stop listening and cut what is open."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    @property
    def url(self) -> str:
        """Where Intercom and Stripe are; valid once started."""
        return f"http://{self._host}:{self._port}"

    @property
    def token(self) -> str:
        """The access token of the first workspace."""
        return self._state.workspace().settings.token

    def events(
        self, *, workspace: str | None = None, name: str | None = None, duplicate: bool | None = None
    ) -> list[ReceivedEvent]:
        """Every event answered 202, in order of arrival: all, or those with that app id, name, or duplicate mark."""
        return self._state.ledger.accepted(workspace=workspace, name=name, duplicate=duplicate)

    def calls(self, *, path: str | None = None, status: int | None = None) -> list[Call]:
        """Every call, in order of its end."""
        return self._state.ledger.answered(path=path, status=status)

    def counts(self) -> dict[str, int]:
        """How often, by method, route and status: {"POST /events 202": 3}."""
        return dict(self._state.ledger.counts)

    async def until(self, condition: Callable[[], bool], *, within: float = 5.0) -> None:
        """Wait until `condition` holds, asking whenever something arrives; TimeoutError after `within` seconds."""
        async with asyncio.timeout(within):
            await self._state.ledger.until(condition)

    def add_contact(self, *, workspace: str | None = None, **fields: object) -> Contact:
        """A contact as POST /contacts makes it, but searchable at once. Raises UsageError where Intercom refuses."""
        return self._state.seed_contact(workspace, fields)

    def contacts(self, *, workspace: str | None = None) -> list[Contact]:
        """Everyone in a workspace, archived and merged ones too."""
        return list(self._state.workspace(workspace).contacts)

    def fail(self, kind: FaultKind | str = FaultKind.STATUS, **script: object) -> Fault:
        """Put a fault in force; `script` is the rest of Fault's fields, as in `fail("slow", delay=3, times=None)`."""
        fault = Fault.model_validate({"kind": kind, **script})
        self._state.faults.set(fault, now=self._state.clock())
        return fault

    def clear_faults(self) -> None:
        """Behave again."""
        self._state.faults.clear()

    def add_workspace(self, settings: WorkspaceSettings) -> Workspace:
        """A further workspace."""
        return self._state.add_workspace(settings)

    def register(self, redirect_uri: str) -> None:
        """Where the app's people come back to, once it is known where the app listens."""
        oauth = self._state.settings.oauth.model_copy(update={"redirect_uri": redirect_uri})
        self._state.settings = self._state.settings.model_copy(update={"oauth": oauth})

    def install_statuses(self) -> list[dict[str, Any]]:
        """What the app has said about its installations, oldest first."""
        return list(self._state.install_statuses)

    def configure(self, workspace: str | None = None, **changes: object) -> WorkspaceSettings:
        """Change a workspace's settings while it runs, as in `configure(rate_limit=20, search_delay=60)`."""
        return self._state.configure(workspace, changes)

    def load_stripe(self, things: Iterable[dict[str, Any]], *, account: str | None = None) -> None:
        """Put events and objects into a Stripe account. Raises UsageError when there is no such account."""
        self._state.stripe.load(things, account)

    async def send_stripe(
        self, *, account: str | None = None, only: Collection[str] | None = None, again: bool = False, at_once: int = 32
    ) -> list[Sent]:
        """Post the signed webhooks of what has not got through yet (see stripe_sender.py), `again` those that have."""
        found, now = self._state.stripe.account(account), self._state.clock()
        return await self._state.sender.send(found, now=now, only=only, again=again, at_once=at_once)

    def stripe_endpoints(self, *, account: str | None = None) -> list[dict[str, Any]]:
        """The webhook endpoints that were made through Stripe's API, of either mode."""
        shelf = self._state.stripe.account(account).endpoints
        both = (shelf.page(Pages(limit=100), livemode=livemode)[0] for livemode in (True, False))
        return [endpoint for some in both for endpoint in some]

    def add_stripe_key(self, key: StripeKey) -> None:
        """A further API key; it may open a further account."""
        self._state.stripe.add_key(key)

    def revoke_stripe_key(self, key: str) -> None:
        """A key that opens nothing any more."""
        self._state.stripe.revoke_key(key)

    def reset(self) -> None:
        """As at the start: no events, calls, contacts or faults; settings as given."""
        self._state.reset()


def serve(
    host: str = HOST,
    port: int = 0,
    settings: SandboxSettings | None = None,
    *,
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Run a sandbox until SIGINT or SIGTERM; `on_start` is told its URL once it listens."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(host, port, settings, on_start))


async def _serve(
    host: str, port: int, settings: SandboxSettings | None, on_start: Callable[[str], None] | None
) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    sandbox = Sandbox(settings)
    await sandbox.start(host, port)
    try:
        if on_start is not None:
            on_start(sandbox.url)
        await stopped.wait()
    finally:
        await sandbox.stop()
