"""The command line as it is typed, in a folder of its own, and events that have been received there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

import pytest
from sqlalchemy import Connection

from connector.cli import main
from connector.cli.session import Session, run
from connector.events import Key
from connector.inbox import store as inbox
from connector.inbox.arrivals import Arrival, insert
from connector.inbox.sources import SOURCES, Accepted, Credentials, Request
from connector.mapping.context import Options
from connector.mapping_files import load, shipped_folder
from connector.outbox.enqueue import enqueue
from connector.outbox.translation import Rules, translation
from connector.settings import PREFIX
from connector.workspaces import endpoints
from tests.signing import stripe_headers

NOBODY = "http://127.0.0.1:9"
"""Where Intercom does not answer."""
PAYLOADS = Path(__file__).parent / "payloads"
SECRET = "whsec_test"


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def ok(self) -> Result:
        """This result, of a command that is to succeed."""
        assert self.status == 0, self.err
        return self


class Cli(Protocol):
    def __call__(self, *arguments: str, stdin: str = "") -> Result: ...


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`connector …` in an empty folder, with nothing set but an Intercom that does not answer."""
    import os

    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CONNECTOR_INTERCOM_API_URL", NOBODY)
    monkeypatch.chdir(tmp_path)

    def type_in(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr("sys.stdin", StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Result(ended.value.code, said.out, said.err)

    return type_in


@pytest.fixture
def acme(cli: Cli) -> str:
    """A workspace with a Stripe endpoint."""
    cli("workspaces", "add", "--app-id", "acme", "--access-token", "secret-token").ok  # noqa: B018 - it asserts
    add = ("endpoints", "add", "--workspace", "acme", "--source", "stripe", "--signing-secret", SECRET)
    cli(*add).ok  # noqa: B018
    return "acme"


Receive = Callable[..., Sequence[Key]]


@pytest.fixture
def receive(acme: str) -> Receive:
    """Store the payloads of these names, and map them as the service would; the keys of their events."""

    def receive(*names: str, bodies: Sequence[bytes] = (), map_them: bool = True) -> Sequence[Key]:
        payloads = [(PAYLOADS / f"{name}.json").read_bytes() for name in names]

        async def work(session: Session) -> Sequence[Key]:
            keys = await session.database.transact(_store, session, [*payloads, *bodies])
            if map_them:
                await session.database.transact(_map, session)
            return keys

        return run(work)

    return receive


def _store(connection: Connection, session: Session, bodies: Sequence[bytes]) -> Sequence[Key]:
    [endpoint] = endpoints.page(connection, session.vault)
    arrivals = []
    for place, body in enumerate(bodies):
        headers = stripe_headers(body, SECRET)
        request = Request(body, [headers["Stripe-Signature"]], [], session.now // 1000)
        read = SOURCES["stripe"].read(request, Credentials((SECRET,)))
        assert isinstance(read, Accepted)
        [event] = read.events
        arrivals.append(Arrival(endpoint.workspace_id, endpoint.id, endpoint.stream, event, session.now + place))
    insert(connection, [arrivals])
    return [arrival.key for arrival in arrivals]


def _map(connection: Connection, session: Session) -> None:
    catalog = load([shipped_folder()]).catalog
    translations = [
        translation(event, body, Rules(catalog, Options(), catalog.digest), names={})
        for event, body in inbox.to_map(connection, limit=1000).events
    ]
    enqueue(connection, translations, now=session.now)


def change(work: Callable[[Connection], object]) -> None:
    """Do something to the database."""

    async def run_it(session: Session) -> None:
        await session.database.transact(work)

    run(run_it)
