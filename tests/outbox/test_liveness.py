"""Whatever Intercom, the database and the system have done to the worker: once they are well, all that is due goes out.

The real worker, hand, claims, breakers, regions and throttles on a real database, in virtual time: Intercom answers
badly, late or never, calls raise and are cancelled, transactions fail before and after they are durable, processes die.
Then all is well, and nothing may be left over for longer than the longest wait that was promised. `SOAK=1` plays more.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.database.engine import Database, open_database
from connector.database.migrate import migrate
from connector.errors import Unavailable
from connector.intercom.contact import Found
from connector.intercom.outcome import Answer
from connector.outbox.bell import Bell
from connector.outbox.breaker import LONGEST_MS
from connector.outbox.deliver import Courier
from connector.outbox.queue import LEASE_MS
from connector.outbox.worker import Worker
from connector.telemetry.facts import StageFailed
from connector.workspaces.store import Workspace
from tests.outbox.world import ACCEPTED, HOUR, NOW, World, deliveries, event, found, user
from tests.virtual_time import VirtualTimeLoop

GAMES = max(6, int(30 * float(os.environ.get("SOAK_MINUTES", "10")))) if os.environ.get("SOAK") else 6
WELL_WITHIN_S = (LONGEST_MS + LEASE_MS) / 1000 + 120.0
"""A breaker that has just opened for its longest, a lease that a dead one held, and the work itself at a slow pace."""
LIMITS = {"x-ratelimit-limit": "500", "x-ratelimit-remaining": "400"}
BAD = (
    Answer(503),
    Answer(500, {"retry-after": "1"}),
    Answer(429, {"retry-after": "2"}),
    Answer(429, LIMITS),
    Answer(429, {"x-ratelimit-limit": "-5", "x-ratelimit-remaining": "9", "retry-after": "60"}),
    Answer(200, body=b"<html>Welcome</html>"),
    Answer(None, fault="connect"),
    Answer(None, fault="no_answer"),
    Answer(None, fault="timeout_before_send"),
)
TIMEOUT_S = 20.0


class Broken(Exception):
    """Something that nobody foresaw."""


@dataclass
class Weather:
    """What everything outside does, by dice of its own; `good` is all that is well."""

    dice: random.Random
    good: bool = False

    async def call(self) -> Answer:
        """One call to Intercom."""
        if self.good:
            await asyncio.sleep(self.dice.uniform(0.02, 0.5))
            return Answer(202, LIMITS)
        match self.dice.randrange(12):
            case 0:
                await asyncio.sleep(TIMEOUT_S)
                return Answer(None, fault="no_answer")
            case 1:
                raise Broken
            case 2:
                raise asyncio.CancelledError  # a timer's or a shared future's of somebody else
            case 3 | 4:
                await asyncio.sleep(self.dice.uniform(0.1, TIMEOUT_S))
                return self.dice.choice(BAD)
            case 5:
                return ACCEPTED
        await asyncio.sleep(self.dice.uniform(0.0, 0.3))
        return self.dice.choice(BAD)

    def fails(self, one_in: int) -> bool:
        """Whether this goes wrong now."""
        return not self.good and self.dice.randrange(one_in) == 0


@dataclass
class Intercom:
    """Answers as the weather is."""

    weather: Weather

    async def submit_event(self, region: str, token: str, body: bytes) -> Answer:
        return await self.weather.call()

    async def find_contacts(self, region: str, token: str, identifier: object) -> Found | Answer:
        answer = await self.weather.call()
        return answer if answer.status != 202 else found()


@dataclass
class Directory:
    """Has now and then not heard yet of a workspace."""

    world: World
    weather: Weather

    def workspace(self, workspace_id: int) -> Workspace | None:
        return None if self.weather.fails(30) else self.world.workspace(workspace_id)


@dataclass
class Game:
    """Some workspaces on one database, and the processes that serve them."""

    database: Database
    dice: random.Random
    weather: Weather
    workspaces: int
    concurrency: int
    running: list[tuple[Worker, asyncio.Task[None]]] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    set_by: int = 0
    """Milliseconds that somebody has set the clock by: the next process goes by it, none that runs hears of it."""
    _keys: int = 0

    @classmethod
    async def new(cls, url: str, seed: int) -> Game:
        dice = random.Random(seed)
        database = await open_database(url, owner=True)
        loop = asyncio.get_running_loop()
        sa.event.listen(database._write_engine, "connect", lambda made, _: made.execute("PRAGMA synchronous = OFF"))  # type: ignore[attr-defined]
        game = cls(database, dice, Weather(dice), dice.randint(1, 4), dice.choice((1, 4, 16, 128)))
        database.clock.now = lambda: NOW + int(loop.time() * 1000) + game.set_by  # type: ignore[method-assign]
        await migrate(database)
        for number in range(1, game.workspaces + 1):
            await World(database).add_workspace(number)
        _unreliable(database, game.weather)
        return game

    def tell(self, fact: object) -> None:
        if isinstance(fact, StageFailed):
            self.failed[type(fact.error).__name__] += 1

    async def come(self, count: int) -> None:
        """So many deliveries more, among all workspaces."""
        good, self.weather.good = self.weather.good, True
        for _ in range(count):
            self._keys += 1
            world = World(self.database, self.dice.randint(1, self.workspaces), now=self.database.clock.now())
            received = await world.receive(workspace_id=world.workspace_id)
            await world.map(event(user(f"u{self._keys}"), once=str(self._keys)), received=received)
        self.weather.good = good
        for worker, _ in self.running:
            worker.bell.ring()

    def start(self) -> None:
        """One process more."""
        now = self.database.clock.now
        courier = Courier(Intercom(self.weather), now, lambda: self.dice.random() / 100)  # type: ignore[arg-type]
        directory = Directory(World(self.database), self.weather)
        worker = Worker(
            self.database,
            directory,  # type: ignore[arg-type]
            courier,
            self.tell,
            Bell(),
            concurrency=self.concurrency,
        )
        self.running.append((worker, asyncio.create_task(_kept_running(worker, self.tell))))

    async def kill(self) -> None:
        """One of them dies: nothing of it runs on, and nothing is given back."""
        worker, loop = self.running.pop(self.dice.randrange(len(self.running)))
        loop.cancel()
        await asyncio.gather(loop, worker._senders.end(), return_exceptions=True)

    async def bad_times(self, seconds: float) -> None:
        """Everything goes wrong for so long, while more comes in."""
        loop = asyncio.get_running_loop()
        ends, dies = loop.time() + seconds, self.dice.choice((0.0, 0.1, 0.3))
        while loop.time() < ends:
            await asyncio.sleep(self.dice.expovariate(1 / 5))
            await self.come(self.dice.randrange(5))
            if self.dice.random() < dies:
                await self.kill()
                if not self.running:
                    self.set_by += self.dice.choice((0, 0, HOUR, -2 * HOUR))
                self.start()

    async def left(self) -> int:
        """Deliveries that are still to be sent."""
        query = sa.select(sa.func.count()).where(deliveries.c.state == "due")
        return await self.database.read(lambda connection: connection.scalar(query) or 0)

    async def well_after(self) -> float | None:
        """All is well from now on: seconds until everything was sent, None where that takes too long."""
        self.weather.good = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        while await self.left():
            await asyncio.sleep(1.0)
            if loop.time() - began > WELL_WITHIN_S:
                return None
        return loop.time() - began

    async def end(self) -> None:
        self.weather.good = True
        while self.running:
            await self.kill()
        await self.database.close()


def _unreliable(database: Database, weather: Weather) -> None:
    """Transactions fail now and then, some of them when they are durable already: who asked cannot know."""
    transact: Callable[..., Any] = database.transact

    async def unreliable(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if weather.fails(20):
            raise Unavailable("not begun")
        result = await transact(work, *args, **kwargs)
        if database.many_processes and weather.fails(40):
            raise Unavailable("the connection was lost in its commit")
        return result

    database.transact = unreliable  # type: ignore[method-assign]


async def _kept_running(worker: Worker, tell: Callable[[object], None]) -> None:
    """As the service does it."""
    from connector.app.loops import keep_running

    await keep_running("deliver", worker, tell)


async def play(url: str, seed: int, *, processes: int) -> str | None:
    """One game; what is wrong at its end."""
    game = await Game.new(url, seed)
    game.database.many_processes = processes > 1
    try:
        await game.come(game.dice.choice((5, 50, 200)))
        for _ in range(processes):
            game.start()
        await game.bad_times(game.dice.uniform(10, 300))
        took = await game.well_after()
        if took is None:
            hands = [(worker._hand.held, worker._hand.ready, worker._hand.sending) for worker, _ in game.running]
            return f"{await game.left()} deliveries are due and nobody sends them; in hand {hands}; {game.failed}"
        return None
    finally:
        await game.end()


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("seed", range(GAMES))
def test_what_is_due_goes_out_once_all_is_well(tmp_path: Path, seed: int, processes: int) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(play(f"sqlite:///{tmp_path}/connector.db", seed, processes=processes)) is None
