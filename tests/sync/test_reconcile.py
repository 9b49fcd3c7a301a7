"""What no webhook brought is found in Stripe's list, and delivered once."""

from __future__ import annotations

import asyncio
import time

import pytest

from connector.database.engine import Database
from connector.sandbox import StripeKey
from connector.sync import state
from connector.sync.state import Place
from tests.journeys.conftest import eventually
from tests.sync.conftest import DAY, HOUR, KEY, NOW, event, ids, in_step, invoice, paid


async def until_delivered(running, count: int, *, within_s: float = 60.0) -> None:
    async def all_there() -> bool:
        await asyncio.sleep(0.05)
        return len(running.sandbox.events(duplicate=False)) >= count

    def seen() -> str:
        return f"{len(running.sandbox.events())} in Intercom; the log ends with {running.said.getvalue()[-2000:]}"

    await eventually(all_there, seen, within_s=within_s)


async def test_events_that_were_made_while_the_service_was_down_are_delivered_once_each(database_url, sandbox):
    """Five thousand of them; Stripe tries their webhooks again at the very time they are fetched."""
    count = 5_000
    # it has not looked at the list yet: what lies an hour back would be before where that look came to
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        await running.register()
        sandbox.load_stripe([paid(0)])
        await sandbox.send_stripe()
        await until_delivered(running, 1)
    sandbox.load_stripe(paid(number, seconds_ago=HOUR + number) for number in range(1, count))
    assert all(not sent.ok for sent in await sandbox.send_stripe(only=["evt_1", "evt_2"]))
    async with in_step(database_url, sandbox) as running:
        await running.register()
        half = [f"evt_{number}" for number in range(0, count, 2)]
        sent = await sandbox.send_stripe(only=half, again=True, at_once=4)
        assert any(each.ok for each in sent)
        await until_delivered(running, count, within_s=240.0)
        taken = sandbox.events()
        assert len(taken) == count  # not one was sent twice, not even as a repeat that Intercom would drop
        assert {each.email for each in taken} == {f"customer{number}@example.com" for number in range(count)}

        async def accounted_for() -> bool:
            return (await running.state()).reconciled_at is not None

        await eventually(accounted_for, within_s=60.0)
        found = await running.state()
        assert found.found >= count // 2 - 1  # at least what no webhook brought
        assert found.gaps == ()


async def test_the_listed_and_the_sent_rendering_of_one_event_are_one(database_url, sandbox):
    async with in_step(database_url, sandbox) as running:
        sandbox.load_stripe([paid(1) | {"api_version": "2020-08-27"}])
        await until_delivered(running, 1)
        await running.register()
        assert [sent.ok for sent in await sandbox.send_stripe()] == [True]
        await asyncio.sleep(1.5)
        assert [each.api_version for each in await running.events()] == ["2020-08-27"]
        assert len(sandbox.events()) == 1


async def test_what_is_younger_than_a_minute_waits_for_its_webhook(database_url, sandbox):
    async with in_step(database_url, sandbox) as running:
        sandbox.load_stripe([paid(1), paid(2) | {"created": int(time.time())}])
        await until_delivered(running, 1)
        await asyncio.sleep(1.5)
        assert ids(await running.events()) == ["evt_1"]


async def test_types_that_nothing_asks_for_are_not_fetched(database_url, sandbox):
    async with in_step(database_url, sandbox) as running:
        sandbox.load_stripe([event(1, "payout.created", {"id": "po_1", "object": "payout"}), paid(2)])
        await until_delivered(running, 1)
        assert ids(await running.events()) == ["evt_2"]


async def test_an_endpoint_without_a_key_is_left_alone(database_url, sandbox):
    async with in_step(database_url, sandbox, key=None):
        sandbox.load_stripe([paid(1)])
        await asyncio.sleep(1.5)
        assert not [call for call in sandbox.calls() if call.path.startswith("/v1/")]


async def test_what_has_dropped_out_of_the_list_is_a_gap_and_told_once(database_url, sandbox):
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        place = Place(running.endpoint.workspace_id, running.endpoint.id, livemode=False)
        then = (NOW - 40 * DAY) * 1000
        save = running.service.database.transact
        await save(state.save_progress, place, until=then, listed=0, found=0)
    sandbox.load_stripe([paid(1), paid(2, seconds_ago=35 * DAY)])
    async with in_step(database_url, sandbox) as running:
        await until_delivered(running, 1)
        found = await running.state()
        assert len(found.gaps) == 1
        assert found.gaps[0][0] == then
        assert abs(found.gaps[0][1] - (NOW - 30 * DAY) * 1000) < 2 * HOUR * 1000
        await asyncio.sleep(2.5)
        assert len((await running.state()).gaps) == 1
        assert ids(await running.events()) == ["evt_1"]


async def test_a_key_that_is_refused_is_trouble_until_it_is_good_again(database_url, sandbox):
    sandbox.revoke_stripe_key(KEY)
    async with in_step(database_url, sandbox) as running:

        async def in_trouble() -> bool:
            return (await running.state()).trouble is not None

        await eventually(in_trouble)
        assert (await running.state()).trouble.startswith("key_refused")
        assert KEY not in (await running.state()).trouble
        sandbox.add_stripe_key(StripeKey(key=KEY))

        async def out_of_trouble() -> bool:
            return (await running.state()).trouble is None

        await eventually(out_of_trouble)


async def test_a_permission_that_is_missing_is_named(database_url, sandbox):
    sandbox.add_stripe_key(StripeKey(key=KEY, reads=frozenset({"customers"})))
    async with in_step(database_url, sandbox) as running:

        async def in_trouble() -> bool:
            return (await running.state()).trouble == "permission_missing: rak_event_read"

        await eventually(in_trouble)


async def test_a_look_that_breaks_off_goes_on_from_where_it_came_to(database_url, sandbox, monkeypatch):
    monkeypatch.setattr("connector.sync.walk.MOST_PAGES", 1)
    sandbox.load_stripe(paid(number, seconds_ago=10 * DAY - number * HOUR) for number in range(200))
    sandbox.fail(status=503, path="/v1/events", skip=8, times=None)
    async with in_step(database_url, sandbox, reconcile_seconds=0) as running:
        reconciler = app_reconciler(running, patience_s=1.0)
        assert (await reconciler.reconcile(running.endpoint)).found < 200
        broken_off = (await running.state()).reconciled_until
        sandbox.clear_faults()
        await reconciler.reconcile(running.endpoint)
        assert (await running.state()).reconciled_until > broken_off
        assert len(await running.events()) == 200


async def test_a_turn_is_one_process_s(database: Database):
    from connector.database import ticks

    takers = [await database.transact(ticks.take, "reconcile 7", every_ms=1000, now=5_500) for _ in range(3)]
    assert takers == [True, False, False]


async def test_a_late_webhook_tells_nothing_new(database_url, sandbox):
    """One fact, two event ids: the second is `told_already`, whichever way either came."""
    async with in_step(database_url, sandbox) as running:
        await running.register()
        sandbox.load_stripe([paid(1), event(2, "invoice.payment_succeeded", invoice(1))])
        await until_delivered(running, 1)
        await sandbox.send_stripe(again=True)
        await asyncio.sleep(1.0)
        assert len(sandbox.events()) == 1


def app_reconciler(running, *, patience_s: float):
    """The reconciler as the app makes it, run by hand."""
    from connector.stripe_api.client import StripeApi
    from connector.sync import reconcile

    service = running.service
    made = reconcile.Reconciler(
        service.database,
        service.directory,
        StripeApi(base_url=running.sandbox.url),
        lambda: service.mappings.catalog,
        service.tell,
        lambda: None,
        600,
    )
    made.patience_s = patience_s
    return made


@pytest.mark.parametrize(
    ("until", "connected", "since", "gap"),
    [
        (None, 0, "oldest", None),
        (None, NOW - 100, NOW - 160, None),
        (NOW - 1000, 0, NOW - 1600, None),
        (NOW - 40 * DAY, 0, "oldest", True),
    ],
    ids=["never", "just connected", "in step", "long ago"],  # the time must not be in a test's name
)
def test_a_look_overlaps_the_last_and_stays_behind(until, connected, since, gap):
    from connector.sync.plan import KEPT_S, LAG_S, MARGIN_S, look

    oldest = NOW - KEPT_S + MARGIN_S
    found = look(reconciled_until=until, connected_at=connected, now=NOW)
    assert found.since == (oldest if since == "oldest" else since)
    assert found.until == NOW - LAG_S
    assert found.gap == ((until, oldest) if gap else None)


def test_a_workspace_connected_just_now_has_nothing_to_look_at():
    from connector.sync.plan import look

    assert look(reconciled_until=None, connected_at=NOW, now=NOW) is None


def test_ten_thousand_endpoints_have_their_turns_evenly_apart():
    from connector.sync.plan import offset_ms

    every = 600_000
    turns = sorted(offset_ms(f"reconcile {number}", every) for number in range(10_000))
    in_a_second = [sum(start <= turn < start + 1000 for turn in turns) for start in range(0, every, 20_000)]
    assert max(in_a_second) < 45  # 17 on average


async def test_a_step_that_holds_too_much_is_made_shorter_and_nothing_is_left_out():
    from connector.sync.plan import Stride
    from connector.sync.walk import Portion, TooMuch, walk

    happened = [5] * 30 + list(range(100, 400)) + [999]
    asked = []

    async def take(since, until, whole):
        asked.append((since, until))
        found = tuple(each for each in happened if since <= each <= until)
        return TooMuch() if len(found) > 20 and not whole else found

    portions = [each async for each in walk(take, 0, 1000, Stride(500, aim=10))]
    assert all(isinstance(each, Portion) for each in portions)
    assert [item for each in portions for item in each.items] == happened
    assert portions[-1].until == 1000
    assert len(asked) < 120
