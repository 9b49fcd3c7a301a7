"""A loop of the service, kept going: an error that nobody foresaw is told, and the loop begins anew."""

from __future__ import annotations

import asyncio
from typing import Protocol

from connector.telemetry.facts import StageFailed, Tell


class Stage(Protocol):
    """What runs until it is told to stop."""

    async def run(self) -> None:
        """Return only when that was asked for."""


async def keep_running(name: str, stage: Stage, tell: Tell) -> None:
    """Run a stage until it is told to stop: an error that nobody foresaw is told, and the stage goes on."""
    while True:
        try:
            await stage.run()
            return
        except asyncio.CancelledError as error:
            if _asked_to_end():
                raise
            tell(StageFailed(name, error))  # somebody else's, that has lost its way
        except Exception as error:  # noqa: BLE001 - a stage that ended would stop everything behind it in silence
            tell(StageFailed(name, error))
        await asyncio.sleep(1.0)


def _asked_to_end() -> bool:
    """Whether the present task is the one that was cancelled."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
