"""`connector serve`, `worker`, `migrate` and `sandbox`: the processes that run for long, and what they stand on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from connector.cli.options import Json
from connector.cli.output import say, show_item
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.app import Service
    from connector.sandbox.settings import WorkspaceSettings
    from connector.settings import Settings

SANDBOX_PORT = 8090


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    for command in (serve, worker, migrate, sandbox):
        app.command()(command)


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Instead of CONNECTOR_HOST.", show_default=False)] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Instead of CONNECTOR_PORT.", show_default=False)
    ] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="HTTP only: other processes map and deliver.")] = False,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Equal processes that share the port; on PostgreSQL only.")
    ] = 1,
    shared: Annotated[tuple[int, int] | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the service: HTTP, mapping and delivery."""
    from connector.settings import load

    settings = load(host=host, port=port)
    if processes > 1:
        _serve_in_many(settings, processes, ["--no-worker"] if no_worker else [])
    _run(settings, listen=True, work=not no_worker, shared=shared)


def _serve_in_many(settings: Settings, count: int, options: list[str]) -> NoReturn:
    """Keep `count` children running; they read the settings for themselves."""
    import asyncio
    import sys

    from connector.cli.processes import Supervisor, child_command, listen
    from connector.database.engine import parse_url
    from connector.telemetry.logs import start

    if parse_url(settings.database_url).get_backend_name() == "sqlite":
        raise UsageError(
            "--processes needs PostgreSQL: SQLite is embedded in one service process. Set CONNECTOR_DATABASE_URL to "
            "postgresql://user:password@host/database, or leave --processes out"
        )
    shared = listen(settings.host, settings.port)
    logs = start(settings.log_format, settings.log_level)
    sys.exit(asyncio.run(Supervisor(child_command(options), count, shared, logs).run()))


def worker() -> None:
    """Run mapping and delivery without HTTP, beside others on PostgreSQL."""
    from connector.settings import load

    _run(load(), listen=False, work=True)


def migrate(*, json: Json = False) -> None:
    """Bring the database to this version's tables."""
    import asyncio

    from connector.database.engine import open_database
    from connector.database.migrate import migrate as bring_up_to_date
    from connector.settings import load

    async def work() -> tuple[str | None, str]:
        database = await open_database(load().database_url)
        try:
            return await bring_up_to_date(database)
        finally:
            await database.close()

    before, after = asyncio.run(work())
    show_item({"before": before, "after": after, "changed": before != after}, as_json=json)


def sandbox(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = SANDBOX_PORT,
    workspace: Annotated[
        list[str] | None, typer.Option(metavar="APP_ID=TOKEN", help="A workspace; may be given several times.")
    ] = None,
    ledger: Annotated[Path | None, typer.Option(help="File that keeps all that was received, as JSON lines.")] = None,
    create_contacts: Annotated[
        bool, typer.Option("--create-contacts", help="An event for an unknown person creates them.")
    ] = False,
) -> None:
    """Run a local Intercom and Stripe to try things with."""
    from connector.sandbox.server import serve as serve_sandbox
    from connector.sandbox.settings import SandboxSettings, WorkspaceSettings

    workspaces = [_sandbox_workspace(text, create_contacts=create_contacts) for text in workspace or []]
    default = WorkspaceSettings(create_contacts=create_contacts)
    settings = SandboxSettings(workspaces=tuple(workspaces) or (default,), ledger=ledger)
    serve_sandbox(host, port, settings, on_start=say)


def _sandbox_workspace(text: str, *, create_contacts: bool) -> WorkspaceSettings:
    from connector.sandbox.settings import WorkspaceSettings

    app_id, _, token = text.partition("=")
    if not app_id or not token:
        raise UsageError(f"--workspace takes APP_ID=TOKEN, not {text!r}")
    return WorkspaceSettings(app_id=app_id, token=token, create_contacts=create_contacts)


def _run(settings: Settings, *, listen: bool, work: bool, shared: tuple[int, int] | None = None) -> None:
    """Run until SIGTERM or SIGINT."""
    import asyncio

    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_stopped(settings, listen=listen, work=work, shared=shared))


async def _first_console_user(running: Service, url: str) -> None:
    """Make the console's first user where there is none, and show the password this once; it goes into no log."""
    from connector.cli.output import remark

    if (password := await running.console.first_user()) is not None:
        address = (running.settings.base_url or url) + "/console/"
        remark(f"console: sign in at {address} as `admin` with the password {password}")
        remark("console: it is shown this once; `connector console users password admin` sets another")


async def _until_stopped(
    settings: Settings, *, listen: bool, work: bool, shared: tuple[int, int] | None = None
) -> None:
    import asyncio
    import contextlib
    import logging
    import socket

    from connector.app import listening, service, until_told_to_stop
    from connector.app.collector import spare_what_stays
    from connector.cli.processes import in_line_with_parent
    from connector.telemetry.logs import Words, start

    logs = start(settings.log_format, settings.log_level)
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(service(settings, logs=logs, work=work))
        doing: dict[str, Any] = {"working": work}
        if listen:
            ours = socket.socket(fileno=shared[0]) if shared else None
            where = await stack.enter_async_context(listening(running, settings.host, settings.port, ours))
            doing["url"] = where.url
            await _first_console_user(running, where.url)
        if shared:
            in_line_with_parent(shared[1])
        spare_what_stays()
        told_to_stop = asyncio.create_task(until_told_to_stop(running))
        await asyncio.sleep(0)  # who reads that it runs may tell it to stop: by now it listens for that
        logs.line(Words(logging.INFO, "running", doing))
        await told_to_stop
        await running.wind_down()
    logs.line(Words(logging.INFO, "stopped", {}))
