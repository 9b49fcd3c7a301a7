"""A region in trouble: its breaker over those of its workspaces, and its throttle, on both databases."""

from __future__ import annotations

from connector.database.tables import regions
from connector.intercom.outcome import Answer
from connector.outbox.regions import LANES, Region
from tests.outbox.world import ACCEPTED, UNAVAILABLE, World, event, user

FAILURES = 5
PLENTY = {"x-ratelimit-limit": "1600", "x-ratelimit-remaining": "1500"}
OWN_LIMIT = Answer(429, {"x-ratelimit-limit": "1600", "x-ratelimit-remaining": "0", "retry-after": "1"})


async def workspaces(world: World, count: int, deliveries: int = 8) -> None:
    for workspace_id in range(1, count + 1):
        if workspace_id > 1:
            await world.add_workspace(workspace_id)
        some = [event(user(f"u-{n}"), mapping_id=f"m-{n}") for n in range(deliveries)]
        await world.map(*some, received=await world.receive(workspace_id=workspace_id))


async def fail(world: World, workspace_id: int) -> None:
    """Five calls of one workspace fail: its breaker opens."""
    claimed = [each for each in await world.claim() if each.delivery.workspace_id == workspace_id]
    await world.complete(*[await world.attempt(each, UNAVAILABLE) for each in claimed[:FAILURES]])


async def region(world: World) -> dict[str, object]:
    def query(connection):
        return [dict(row) for row in connection.execute(regions.select()).mappings()]

    rows = await world.database.read(query)
    return rows[0] if rows else {}


async def test_a_region_most_of_whose_workspaces_fail_is_left_alone_as_a_whole(world: World):
    await workspaces(world, LANES + 2)
    claimed = await world.claim(room=200)
    for workspace_id in range(1, LANES + 1):
        mine = [each for each in claimed if each.delivery.workspace_id == workspace_id]
        await world.complete(*[await world.attempt(each, UNAVAILABLE) for each in mine[:FAILURES]])
    await world.add_workspace(50)
    await world.map(event(), received=await world.receive(workspace_id=50))
    assert await world.claim() == []
    world.now += 5_000
    probes = await world.claim()
    assert len(probes) == 1, "one probe for the whole region"
    assert await world.claim() == []


async def test_a_region_that_answers_the_probe_comes_back_slowly(world: World):
    await test_a_region_most_of_whose_workspaces_fail_is_left_alone_as_a_whole(world)
    world.now += 30_000
    (probe,) = await world.claim()
    await world.complete(await world.attempt(probe, ACCEPTED))
    stored = await region(world)
    assert stored["breaker_opened"] == 0
    assert stored["rate"] is not None
    assert len(await world.claim(room=200)) <= 1
    world.now += 1_000
    assert 1 < len(await world.claim(room=200)) <= 16


async def test_failures_of_one_workspace_do_not_hold_up_its_region(world: World):
    await workspaces(world, 2)
    claimed = await world.claim(room=100)
    mine = [each for each in claimed if each.delivery.workspace_id == 1]
    await world.complete(*[await world.attempt(each, UNAVAILABLE) for each in mine])
    await world.map(event(), received=await world.receive(workspace_id=2))
    assert {each.delivery.workspace_id for each in await world.claim()} == {2}


async def test_one_that_answers_between_shows_that_the_region_is_there(world: World):
    await workspaces(world, LANES + 1)
    claimed = await world.claim(room=200)
    for workspace_id in range(1, LANES + 1):
        mine = [each for each in claimed if each.delivery.workspace_id == workspace_id]
        await world.complete(*[await world.attempt(each, UNAVAILABLE) for each in mine[:FAILURES]])
        other = next(each for each in claimed if each.delivery.workspace_id == LANES + 1)
        claimed.remove(other)
        world.now += 1
        await world.complete(await world.attempt(other, ACCEPTED))
    assert (await region(world))["breaker_opened"] == 0


async def test_also_where_all_of_it_is_heard_at_once(world: World):
    """The first trouble that a region ever has, written down together with the good answers between."""
    await workspaces(world, LANES + 1)
    claimed = await world.claim(room=200)
    heard = []
    for workspace_id in range(1, LANES + 1):
        mine = [each for each in claimed if each.delivery.workspace_id == workspace_id]
        heard += [await world.attempt(each, UNAVAILABLE) for each in mine[:FAILURES]]
        world.now += 1
        other = [each for each in claimed if each.delivery.workspace_id == LANES + 1][workspace_id]
        heard.append(await world.attempt(other, ACCEPTED))
        world.now += 1
    await world.complete(*heard)
    assert (await region(world)).get("breaker_opened", 0) == 0


async def test_a_refusal_with_plenty_left_is_about_more_than_one_workspace(world: World):
    await workspaces(world, 2, deliveries=30)
    first, second, *_ = [each for each in await world.claim(room=8) if each.delivery.workspace_id == 1]
    await world.complete(await world.attempt(first, Answer(202, PLENTY)))
    assert await region(world) == {}
    await world.complete(await world.attempt(second, Answer(429, PLENTY | {"retry-after": "1"})))
    assert (await region(world))["rate"] == 160
    world.now += 100
    assert 0 < len(await world.claim(room=100)) <= 16


async def test_a_refusal_at_its_own_limit_is_about_that_workspace_alone(world: World):
    await workspaces(world, 1)
    first, second, *_ = await world.claim()
    await world.complete(await world.attempt(first, Answer(202, PLENTY | {"x-ratelimit-remaining": "0"})))
    await world.complete(await world.attempt(second, OWN_LIMIT))
    assert await region(world) == {}


def test_a_region_without_trouble_admits_everything():
    assert Region("us").admits(1_000, 1) == 1_000
    assert not Region("us").troubled
