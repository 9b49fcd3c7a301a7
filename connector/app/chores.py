"""What a service does by the clock: it rings bells, looks for changes, counts, judges and tidies up."""

from __future__ import annotations

from connector.alarms.at_stripe import AskStripe
from connector.alarms.figures import Figures
from connector.alarms.proving import Proving
from connector.alarms.sending import Sending, sinks
from connector.alarms.watch import Watch
from connector.app.ground import Ground
from connector.appstore.front import Front
from connector.appstore.parts import Parts
from connector.catalogues.folder import LOOK_S
from connector.catalogues.in_use import FOLLOW_S
from connector.console.console import BULK_S, Console
from connector.contacts import known
from connector.database.engine import Postgres
from connector.database.statistics import COLLECT_S, collect_first
from connector.outbox import lanes, retention
from connector.people.forgetting import Forgetting
from connector.schedule import Job

MEND_S = 5.0
"""How long a lane may not know of what is due in it."""


def chores(ground: Ground, parts: Parts, front: Front, console: Console, forgetting: Forgetting) -> dict[str, Job]:
    """All of them, by their names in logs and metrics."""
    return _looks(ground) | _of_pages(front, console) | _records(ground, forgetting) | _alarms(ground, parts)


def _looks(ground: Ground) -> dict[str, Job]:
    """For work and for changes that nobody has rung for."""
    jobs = {
        "look for mapping": Job(1.0, ground.received.ring),
        "look for deliveries": Job(1.0, ground.queued.ring),
        "see changes": Job(0.5, ground.directory.refresh_if_changed),
        "follow the mappings": Job(FOLLOW_S, ground.mappings.follow, may_take_long=True),
    }
    if ground.folder is not None and not ground.database.many_processes:
        jobs["look into the mappings folder"] = Job(LOOK_S, ground.folder.look, may_take_long=True)
    if isinstance(ground.database, Postgres):
        jobs["follow the clock"] = Job(60.0, ground.database.follow_clock, jitter=5.0)
        jobs["mend lanes"] = Job(MEND_S, lambda: _mended(ground))
        jobs["collect first statistics"] = Job(
            COLLECT_S, lambda: ground.database.transact(collect_first), may_take_long=True
        )
    return jobs


async def _mended(ground: Ground) -> None:
    if await ground.database.transact(lanes.mend, now=ground.database.clock.now()):
        ground.queued.ring()


def _of_pages(front: Front, console: Console) -> dict[str, Job]:
    """What people have set going in a browser, and what they see there."""
    return {
        "finish removals": Job(60.0, front.finish_removals, jitter=10.0),
        "tell Intercom how we are": Job(300.0, front.health_check.push_changes, jitter=30.0),
        "look at Stripe's endpoints": Job(6 * 3600.0, front.health_check.look_at_stripe, jitter=600.0),
        "work off bulk jobs": Job(BULK_S, console.work_off_jobs, may_take_long=True),
        "count the hours": Job(60.0, console.count_hours, jitter=30.0, may_take_long=True),
    }


def _records(ground: Ground, forgetting: Forgetting) -> dict[str, Job]:
    """What is written down beside the events, and what is no longer to be known."""
    database = ground.database

    async def forget_known() -> None:
        await database.transact(known.prune, now=database.clock.now())

    return {
        "note webhooks": Job(5.0, ground.last_webhooks.beat),
        "retention": Job(60.0, lambda: retention.turn(database, ground.settings), jitter=20.0),
        "forget people": Job(2.0, forgetting.soon),
        "forget who was just created": Job(300.0, forget_known, jitter=60.0),
    }


def _alarms(ground: Ground, parts: Parts) -> dict[str, Job]:
    """Counting, judging, and passing on what was opened."""
    database, directory, mappings, tell = ground.database, ground.directory, ground.mappings, ground.tell
    watch = Watch(database, directory, lambda: mappings.built, tell, bool(ground.settings.reconcile_seconds))
    ask = AskStripe(database, directory, parts.stripe, lambda: mappings.catalog, tell)
    figures = Figures(database)
    figures.show(ground.metrics.gauge)
    jobs = {
        "count": Job(10.0, ground.counts.beat),
        "alarms": Job(60.0, watch.turn, jitter=20.0, may_take_long=True),
        "ask Stripe about endpoints": Job(1800.0, ask.turn, jitter=600.0, may_take_long=True),
        "read figures": Job(15.0, figures.beat),
    }
    if size := ground.settings.verify_sample:
        proving = Proving(database, directory, parts.intercom, tell, size)
        jobs["verify"] = Job(900.0, proving.turn, jitter=300.0, may_take_long=True)
    if found := sinks(ground.settings):
        jobs["pass alerts on"] = Job(5.0, Sending(database, found, tell).turn, may_take_long=True)
    return jobs
