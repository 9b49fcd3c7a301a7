"""What is written down after each step, and what follows from it, on both databases."""

from __future__ import annotations

from tests.outbox.world import UNAUTHORIZED, World, refusal


async def test_a_refused_token_stops_the_workspace_and_spends_no_attempt(world: World):
    delivery = await world.due()
    assert (await world.deliver(UNAUTHORIZED)).stopped
    assert await world.mode() == "needs_reauthorization"
    assert await world.state(delivery) == ("due", None)
    row = await world.queued(delivery)
    assert (row["lease_id"], row["due"], row["attempts"], row["claims"]) == (None, world.now, 0, 0)
    assert await world.claim() == []


async def test_a_refused_token_stops_the_workspace_however_long_the_words_it_is_refused_with(world: World):
    await world.due()
    assert (await world.deliver(refusal(401, "unauthorized", "no " * 300))).stopped
    assert await world.mode() == "needs_reauthorization"
