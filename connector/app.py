"""The composition root: the one module that knows everyone, and wires them with plain arguments.

    async with service(settings, work=True) as running:
        await serve(running, host, port)

Parts are opened in the order in which they need each other and closed in reverse. A process may be killed at any
point of this: what was acknowledged is in the database, and the next start goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import ClientSession, ClientTimeout, web

from connector import manifest
from connector.alarms.at_stripe import AskStripe
from connector.alarms.counts import Counts
from connector.alarms.figures import Figures
from connector.alarms.proving import Proving
from connector.alarms.sending import Sending, sinks
from connector.alarms.watch import Watch
from connector.appstore.front import Front
from connector.appstore.parts import Parts
from connector.appstore.webhooks import Webhooks
from connector.canvas.routes import Canvas
from connector.catalogues import store
from connector.catalogues.deploying import Refused
from connector.catalogues.folder import LOOK_S, Folder
from connector.catalogues.in_use import FOLLOW_S, Mappings
from connector.console.console import BULK_S, Console
from connector.console.parts import Parts as ConsoleParts
from connector.contacts import known
from connector.contacts.creating import Creator
from connector.database.engine import Database, Postgres, open_database
from connector.database.migrate import migrate
from connector.errors import ConnectorError, DatabaseError, SettingsError
from connector.health import Health
from connector.inbox.receive import Receiver, put_ahead
from connector.inbox.tracking import Tracking
from connector.intercom.client import IntercomClient, base_url, make_session
from connector.mapping.context import Options
from connector.names import Names
from connector.outbox import retention
from connector.outbox.bell import Bell
from connector.outbox.deliver import Courier
from connector.outbox.mapper import Mapper
from connector.outbox.pulse import EVERY_S, Pulse
from connector.outbox.worker import CONCURRENCY, Worker
from connector.people.forgetting import Forgetting
from connector.schedule import Job, Schedule
from connector.settings import Settings
from connector.stripe_api.client import StripeApi
from connector.sync.asker import Asker
from connector.sync.last_webhooks import LastWebhooks
from connector.sync.naming import Naming
from connector.sync.people import People
from connector.sync.reconcile import Reconciler
from connector.telemetry.facts import Fact, MappingsNotDeployed, ProcessesTakenOver, StageFailed, Tell
from connector.telemetry.logs import Logs
from connector.telemetry.metrics import Metrics
from connector.workspaces.directory import Directory
from connector.workspaces.keys import load_vault
from connector.workspaces.vault import Vault

if TYPE_CHECKING:
    from connector.telemetry.traces import Traces

DRAIN_S = 25.0
"""What deliveries in flight get to finish when the service is told to stop."""
WAIT_S = 5.0
"""What the database gets to end its last transactions."""
LARGEST_BODY = 8 * 1024 * 1024
STUCK_S = 60.0
"""A loop that comes round every second or so, and has not for so long, hangs."""
FRONT_CONNECTIONS = 8
"""To Intercom, and to Stripe, for people who install and set up."""
FRONT_PATIENCE = ClientTimeout(total=10, connect=4)
"""Somebody waits for the answer in a browser."""


def options(settings: Settings) -> Options:
    """What the service has chosen about all events."""
    return Options(metadata_keys=settings.metadata_keys, zero_decimal_money=settings.zero_decimal_money.value)


@dataclass
class Service:
    """What runs: its parts, and the application that serves them over HTTP."""

    settings: Settings
    database: Database
    directory: Directory
    mappings: Mappings
    folder: Folder | None
    metrics: Metrics
    health: Health
    receiver: Receiver
    webhooks: Webhooks
    tell: Tell
    tracking: Tracking
    front: Front
    canvas: Canvas
    console: Console
    work: Work | None = None

    async def wind_down(self) -> None:
        """Say that this process is no longer ready, and end mapping and delivery; webhooks are still stored."""
        self.health.shutting_down = True
        if self.work is not None:
            await self.work.stop()

    def application(self) -> web.Application:
        """Every route of this process."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.add_routes(self.receiver.routes())
        app.add_routes(self.tracking.routes())
        app.add_routes(self.webhooks.routes())
        app.add_routes(self.health.routes())
        app.add_routes(self.canvas.routes())
        self.front.serve(app)
        self.console.serve(app)
        return app

    async def reload_mappings(self) -> None:
        """What SIGHUP asks for: deploy the folder of a single machine, also what was taken back; else look anew."""
        if self.folder is not None and not self.database.many_processes:
            await self.folder.take(asked=True)
        await self.mappings.follow()


@contextlib.asynccontextmanager
async def service(settings: Settings, *, logs: Logs, work: bool = True) -> AsyncIterator[Service]:
    """Open everything; with `work`, map and deliver too. Raises ConnectorError where something is not right."""
    vault = load_vault(settings)
    metrics = Metrics()
    database = await open_database(settings.database_url, owner=True)
    try:
        await migrate(database)
        directory = Directory(database, vault)
        await directory.reload()
        last_webhooks = LastWebhooks(database)
        last_webhooks.show(metrics.gauge)
        counts = Counts(database)
        traces = _traces(settings)
        listeners: list[Tell] = [logs.tell, metrics.count, last_webhooks.note, counts.note]
        tell = tell_all(*listeners, *([traces.tell] if traces else []))
        mappings = Mappings(database, options(settings), tell)
        folder = await _taken_up(settings, database, mappings, tell)
        received, queued = Bell(), Bell()
        forgetting = Forgetting(database, tell)
        health = Health(database, metrics, mappings_loaded=lambda: bool(mappings.catalog.entries))
        receiver = Receiver(database, directory, tell=tell, bell=received.ring)
        webhooks = _webhooks(settings, database, directory, tell, queued, forgetting)
        tracking = Tracking(database, directory, tell=tell, bell=received.ring)
        async with _app_store(settings, database, vault, directory, mappings, tell, received, queued) as parts:
            front, canvas = Front(parts), Canvas(parts)
            running = Service(
                settings,
                database,
                directory,
                mappings,
                folder,
                metrics,
                health,
                receiver,
                webhooks,
                tell,
                tracking,
                front,
                canvas,
                _console(settings, database, vault, directory, mappings, tell, received, queued),
            )
            schedule = Schedule(
                _jobs(running, received, queued)
                | _chores(running, forgetting, last_webhooks)
                | _alarms(running, counts, parts),
                tell=tell,
            )
            schedule.start()
            try:
                async with _working(running, received, queued) if work else contextlib.nullcontext() as running.work:
                    health.trouble = running.work.trouble if running.work else health.trouble
                    yield running
            finally:
                await schedule.stop()
                await front.close()
                await webhooks.close()
                await forgetting.close()
                await _last_beat(counts, tell)
                if traces is not None:
                    await asyncio.to_thread(traces.close)
    finally:
        await database.close()


async def _taken_up(settings: Settings, database: Database, mappings: Mappings, tell: Tell) -> Folder | None:
    """Begin with the deployed set, or with this process's folder where that is what deploys. Raises SettingsError.

    A folder deploys on a single machine, and the first one ever does; with several processes the deployed set counts.
    """
    folder = settings.mappings_dir and Folder(settings.mappings_dir, database, settings.metadata_keys, tell)
    deployed = await database.read(store.active_digest)
    if folder and (deployed is None or not database.many_processes):
        result = await folder.take()
        if isinstance(result, Refused) and deployed is None:
            mistakes = "\n".join(result.problems)
            raise SettingsError(
                f"the mapping files have mistakes (`connector mappings check` shows them too):\n{mistakes}"
            )
    elif folder and await folder.differs():
        tell(MappingsNotDeployed(str(folder.path)))
    await mappings.start()
    return folder or None


def _traces(settings: Settings) -> Traces | None:
    """Imported only where they are wanted. Raises SettingsError."""
    if not settings.traces:
        return None
    try:
        from connector.telemetry.traces import exporting
    except ImportError:
        raise SettingsError("CONNECTOR_TRACES needs OpenTelemetry: pip install 'connector[otel]'") from None
    return exporting()


def tell_all(*listeners: Tell) -> Tell:
    """All who hear facts as one."""

    def tell(fact: Fact) -> None:
        for listener in listeners:
            listener(fact)

    return tell


@contextlib.asynccontextmanager
async def _app_store(
    settings: Settings,
    database: Database,
    vault: Vault,
    directory: Directory,
    mappings: Mappings,
    tell: Tell,
    received: Bell,
    queued: Bell,
) -> AsyncIterator[Parts]:
    """What the app store's side works with, its own few connections to Intercom and Stripe among it."""
    override = settings.intercom_api_url
    async with make_session(FRONT_CONNECTIONS, timeout=FRONT_PATIENCE) as session:
        intercom = IntercomClient(
            session, version=settings.intercom_version, base_url_for=lambda region: override or base_url(region)
        )
        async with StripeApi(base_url=settings.stripe_api_url).opened() as stripe_api:
            yield Parts(
                settings,
                database,
                vault,
                directory,
                manifest.load(),
                session,
                intercom,
                stripe_api,
                mappings,
                tell,
                received.ring,
                queued.ring,
            )


def _console(
    settings: Settings,
    database: Database,
    vault: Vault,
    directory: Directory,
    mappings: Mappings,
    tell: Tell,
    received: Bell,
    queued: Bell,
) -> Console:
    parts = ConsoleParts(
        settings, database, vault, directory, mappings, options(settings), tell, received.ring, queued.ring
    )
    return Console(parts)


def _webhooks(
    settings: Settings, database: Database, directory: Directory, tell: Tell, queued: Bell, forgetting: Forgetting
) -> Webhooks:
    secret = settings.intercom_client_secret
    return Webhooks(
        database,
        directory,
        client_secret=secret.get_secret_value() if secret else None,
        tell=tell,
        woken=queued.ring,
        erase=forgetting.soon,
    )


def _chores(running: Service, forgetting: Forgetting, last_webhooks: LastWebhooks) -> dict[str, Job]:
    async def forget_known() -> None:
        await running.database.transact(known.prune, now=running.database.clock.now())

    return {
        "note webhooks": Job(5.0, last_webhooks.beat),
        "forget people": Job(2.0, forgetting.soon),
        "forget who was just created": Job(300.0, forget_known, jitter=60.0),
    }


def _alarms(running: Service, counts: Counts, parts: Parts) -> dict[str, Job]:
    """Counting, judging, and passing on what was opened."""
    database, directory, mappings, tell = running.database, running.directory, running.mappings, running.tell
    reconciles = bool(running.settings.reconcile_seconds)
    watch = Watch(database, directory, lambda: mappings.built, tell, reconciles)
    ask = AskStripe(database, directory, parts.stripe, lambda: mappings.catalog, tell)
    jobs = {
        "count": Job(10.0, counts.beat),
        "alarms": Job(60.0, watch.turn, jitter=20.0, may_take_long=True),
        "ask Stripe about endpoints": Job(1800.0, ask.turn, jitter=600.0, may_take_long=True),
    }
    figures = Figures(database)
    figures.show(running.metrics.gauge)
    jobs["read figures"] = Job(15.0, figures.beat)
    if size := running.settings.verify_sample:
        proving = Proving(database, directory, parts.intercom, tell, size)
        jobs["verify"] = Job(900.0, proving.turn, jitter=300.0, may_take_long=True)
    if found := sinks(running.settings):
        jobs["pass alerts on"] = Job(5.0, Sending(database, found, tell).turn, may_take_long=True)
    return jobs


async def _last_beat(counts: Counts, tell: Tell) -> None:
    try:
        await counts.beat()
    except (DatabaseError, OSError) as error:
        tell(StageFailed("count", error))


def _jobs(running: Service, received: Bell, queued: Bell) -> dict[str, Job]:
    jobs = {
        "look for mapping": Job(1.0, received.ring),
        "look for deliveries": Job(1.0, queued.ring),
        "see changes": Job(0.5, running.directory.refresh_if_changed),
        "finish removals": Job(60.0, running.front.finish_removals, jitter=10.0),
        "tell Intercom how we are": Job(300.0, running.front.health_check.push_changes, jitter=30.0),
        "look at Stripe's endpoints": Job(6 * 3600.0, running.front.health_check.look_at_stripe, jitter=600.0),
        "work off bulk jobs": Job(BULK_S, running.console.work_off_jobs, may_take_long=True),
        "count the hours": Job(60.0, running.console.count_hours, jitter=30.0, may_take_long=True),
        "retention": Job(60.0, lambda: retention.turn(running.database, running.settings), jitter=20.0),
        "follow the mappings": Job(FOLLOW_S, running.mappings.follow, may_take_long=True),
    }
    if running.folder is not None and not running.database.many_processes:
        jobs["look into the mappings folder"] = Job(LOOK_S, running.folder.look, may_take_long=True)
    if isinstance(running.database, Postgres):
        jobs["follow the clock"] = Job(60.0, running.database.follow_clock, jitter=5.0)
    return jobs


@dataclass
class Work:
    """Mapping and delivery, for as long as they are wanted."""

    mapper: Mapper
    worker: Worker
    syncing: Syncing
    tell: Tell
    _loops: Sequence[asyncio.Task[None]] = ()
    _syncing: Sequence[asyncio.Task[None]] = ()

    def start(self) -> None:
        """Begin; to be called inside the event loop."""
        self._loops = [asyncio.create_task(_loop(name, each, self.tell)) for name, each in self._stages]
        self._syncing = [asyncio.create_task(_loop(name, each, self.tell)) for name, each in self.syncing.loops.items()]

    def trouble(self) -> list[str]:
        """What has ended, or has not come round for long, though nobody has told it to stop."""
        found = []
        for loop, (name, stage) in zip(self._loops, self._stages, strict=False):
            if loop.done():
                found.append(f"the loop that {name}s has ended")
            elif time.monotonic() - stage.turned_at > STUCK_S:
                found.append(f"the loop that {name}s has not come round for {STUCK_S:g} s")
            elif isinstance(stage, Worker) and time.monotonic() - stage.moved_at > STUCK_S:
                found.append(f"deliveries have been due for {STUCK_S:g} s, and none is claimed")
        return found + [f"the loop {name!r} has ended" for name, loop in self._named_syncing() if loop.done()]

    @property
    def _stages(self) -> Sequence[tuple[str, Mapper | Worker]]:
        return ("map", self.mapper), ("deliver", self.worker)

    def _named_syncing(self) -> Iterator[tuple[str, asyncio.Task[None]]]:
        return zip(self.syncing.loops, self._syncing, strict=False)

    async def stop(self) -> None:
        """Begin nothing new, let what is in flight finish, give back what is not begun. May be called again."""
        self.worker.stop()
        self.mapper.stop()
        for loop in self._syncing:  # the next start goes on from where they have come to
            loop.cancel()
        await asyncio.gather(*self._syncing, return_exceptions=True)
        await self.worker.drain(DRAIN_S)
        if self._loops:
            _, hanging = await asyncio.wait(self._loops, timeout=WAIT_S)
            for loop in hanging:  # on a database that does not answer
                loop.cancel()


@contextlib.asynccontextmanager
async def _working(running: Service, received: Bell, queued: Bell) -> AsyncIterator[Work]:
    """Map, deliver and keep in step with Stripe while this is open."""
    names, stripe_api = Names(), StripeApi(base_url=running.settings.stripe_api_url)
    async with make_session(CONCURRENCY) as session, stripe_api.opened():
        syncing = _syncing(running, stripe_api, names, received, queued)
        mapper = Mapper(
            running.database,
            running.directory,
            names,
            running.mappings.rules,
            tell_all(running.tell, syncing.asker.note),
            received,
            queued,
            syncing.asker.unnamed,
        )
        worker = Worker(
            running.database,
            running.directory,
            _courier(running, session),
            running.tell,
            queued,
            max_age_ms=running.settings.max_age_ms,
        )
        running.metrics.gauge("deliveries_in_flight", "Deliveries being tried now.", lambda: worker.in_flight)
        async with _alive(running.database, worker, running.tell):
            work = Work(mapper, worker, syncing, running.tell)
            work.start()
            try:
                yield work
            finally:
                await work.stop()


@contextlib.asynccontextmanager
async def _alive(database: Database, worker: Worker, tell: Tell) -> AsyncIterator[None]:
    """Where there are other processes: show them signs of life while this is open, and leave nothing to them after."""
    if not database.many_processes:
        yield
        return
    worker.pulse = Pulse(database, worker.holder)
    await worker.pulse.beat()
    beating = asyncio.create_task(_beat(worker.pulse, tell))
    try:
        yield
    finally:
        beating.cancel()
        try:
            await worker.pulse.stop()
        except (DatabaseError, OSError) as error:
            tell(StageFailed("pulse", error))  # the others take over within ten seconds


async def _beat(pulse: Pulse, tell: Tell) -> None:
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            if dead := await pulse.beat():
                tell(ProcessesTakenOver(len(dead)))
        except (DatabaseError, OSError) as error:
            tell(StageFailed("pulse", error))


def _syncing(running: Service, stripe_api: StripeApi, names: Names, received: Bell, queued: Bell) -> Syncing:
    """Keeping in step with Stripe."""
    naming = Naming(running.database, stripe_api, names, running.tell)
    reconciler = Reconciler(
        running.database,
        running.directory,
        stripe_api,
        lambda: running.mappings.catalog,
        running.tell,
        received.ring,
        running.settings.reconcile_seconds,
        naming.find_all,
    )
    people = People(running.database, stripe_api, running.tell, queued.ring)
    asker = Asker(running.database, running.directory, people, naming, running.tell)
    return Syncing(reconciler if reconciler.every_s else None, asker)


@dataclass(frozen=True)
class Syncing:
    """The loops that keep in step with Stripe."""

    reconciler: Reconciler | None
    asker: Asker

    @property
    def loops(self) -> dict[str, Reconciler | Asker]:
        """By the name that their failures are told under."""
        return {"ask": self.asker} | ({"reconcile": self.reconciler} if self.reconciler else {})


async def _loop(name: str, stage: Mapper | Worker | Reconciler | Asker, tell: Tell) -> None:
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


def _courier(running: Service, session: ClientSession) -> Courier:
    override = running.settings.intercom_api_url

    def base_url_for(region: str) -> str:
        return override or base_url(region)

    client = IntercomClient(session, version=running.settings.intercom_version, base_url_for=base_url_for)
    now = running.database.clock.now
    return Courier(client, now, creator=Creator(running.database, client, now))


@dataclass
class Listening:
    """The address that a service answers at."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """As a sender on this machine writes it."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@contextlib.asynccontextmanager
async def listening(
    running: Service, host: str, port: int, shared: socket.socket | None = None
) -> AsyncIterator[Listening]:
    """Answer HTTP while this is open, on a socket that is `shared` with other processes if there is one.

    No access log: it costs more than the answer; stages tell what happened.
    """
    runner = web.AppRunner(
        running.application(),
        access_log=None,
        auto_decompress=False,  # a signature is over the bytes that were sent; and no bomb is unpacked
        keepalive_timeout=75.0,
        handle_signals=False,
        shutdown_timeout=10.0,
    )
    await runner.setup()
    put_ahead(runner, running.receiver)
    try:
        site = web.SockSite(runner, shared) if shared else web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise SettingsError(f"cannot listen on {host}:{port} (CONNECTOR_HOST, CONNECTOR_PORT): {error}") from None
        address = runner.addresses[0]
        yield Listening(address[0], address[1])
    finally:
        await runner.cleanup()


async def until_told_to_stop(running: Service) -> None:
    """Wait for SIGTERM or SIGINT; SIGHUP reads the mapping files anew. A second signal ends the process at once."""
    reloads: set[asyncio.Task[None]] = set()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    async def reloaded() -> None:
        try:
            await running.reload_mappings()
        except ConnectorError as error:
            running.tell(StageFailed("mappings", error))

    def reload() -> None:
        reloads.add(task := asyncio.create_task(reloaded()))
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await stop.wait()
