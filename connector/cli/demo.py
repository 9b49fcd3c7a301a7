"""`connector demo`: the product in one minute, as a table that tells what became of each webhook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.options import Json
from connector.cli.output import cell, console, print_json, remark, say

if TYPE_CHECKING:
    from connector.demo import Line, Report, Running
    from connector.sandbox import ReceivedEvent as Arrived

STATE_STYLES = {"delivered": "green", "dead": "red", "ignored": "dim", "unmapped": "dim"}


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(demo)


def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running for a browser until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """Send signed Stripe and Segment webhooks through a service to a sandbox Intercom, and show what arrived."""
    import asyncio

    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(_demo(keep=keep, as_json=json))
    if report.mistakes:
        remark("error: the demo failed:\n" + "\n".join(report.mistakes))
        raise typer.Exit(1)


async def _demo(*, keep: bool, as_json: bool) -> Report:
    from connector.demo import run
    from connector.settings import LogFormat, LogLevel
    from connector.telemetry.logs import start

    async def then(running: Running) -> None:
        _show(running.report, as_json=as_json)
        if keep:
            await _stay(running)

    return await run(start(LogFormat.AUTO, LogLevel.WARNING), step=lambda text: remark(f"… {text}"), then=then)


async def _stay(running: Running) -> None:
    import asyncio
    import signal

    remark(f"\nLook at what Intercom received: {running.sandbox.url}/")
    remark(f"The service answers at {running.service.url}/readyz and {running.service.url}/metrics. Ctrl-C ends it.")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        print_json({"items": [_item(line) for line in report.lines], "mistakes": list(report.mistakes)})
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table(show_lines=True, header_style="bold")
    for column, ratio in (("source event", 3), ("Intercom event", 3), ("contact", 3), ("metadata, with its type", 6)):
        grid.add_column(column, overflow="fold", ratio=ratio)
    grid.add_column("state", no_wrap=True)
    for line in report.lines:
        for name, contact, metadata, state in _rows(line):
            source = f"{line.received.source}: {line.received.type}"
            grid.add_row(
                Text(cell(source)), Text(cell(name)), Text(cell(contact)), Text(metadata), Text(*_styled(state))
            )
    console().print(grid)
    say(_summary(report))


def _rows(line: Line) -> Iterable[tuple[str, str, str, str]]:
    if not line.deliveries:
        why = {"when": "its mapping says no", "told_already": "another event told it"}
        reason = why.get(line.received.reason or "", line.received.reason)
        yield "–", "–", reason or "no mapping asks for it", line.received.state.value
    for delivery, arrived in line.deliveries:
        contact = f"{delivery.identifier.kind.value} {delivery.identifier.value}" if delivery.identifier else "–"
        metadata = "\n".join(_metadata(arrived)) if arrived else delivery.reason or ""
        yield delivery.name, contact, metadata, delivery.state.value


def _styled(state: str) -> tuple[str, str]:
    return state, STATE_STYLES.get(state, "yellow")


def _metadata(arrived: Arrived) -> Iterable[str]:
    for key, value in arrived.metadata.items():
        yield f"{key}: {cell(_value(key, value))}  ({arrived.types[key]})"


def _value(key: str, value: Any) -> Any:  # noqa: ANN401 - any value of metadata
    if isinstance(value, Mapping) and "amount" in value:
        return f"{Decimal(value['amount']) / 100:.2f} {value['currency'].upper()}"
    if isinstance(value, Mapping):
        return f"{value['value']} → {value['url']}"
    if key.endswith("_date") and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return value


def _summary(report: Report) -> str:
    states: dict[str, int] = {}
    for line in report.lines:
        for *_, state in _rows(line):
            states[state] = states.get(state, 0) + 1
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items(), key=lambda item: -item[1]))
    return f"{len(report.lines)} webhooks in {report.seconds:.1f} s: {told}. What is delivered is at Intercom, once."


def _item(line: Line) -> dict[str, Any]:
    return {
        "source": line.received.source,
        "type": line.received.type,
        "key": line.received.external_key,
        "state": line.received.state.value,
        "reason": line.received.reason,
        "deliveries": [
            {
                "name": delivery.name,
                "state": delivery.state.value,
                "reason": delivery.reason,
                "identifier": delivery.identifier
                and {"kind": delivery.identifier.kind.value, "value": delivery.identifier.value},
                "created_at": delivery.created_at,
                "metadata": dict(arrived.metadata) if arrived else None,
                "types": arrived.types if arrived else None,
            }
            for delivery, arrived in line.deliveries
        ],
    }
