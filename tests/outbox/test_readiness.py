"""Whether a delivery may go out: by what its workspace is doing when it is stored, on both databases."""

from __future__ import annotations

import json

import pytest

from connector.workspaces.modes import Mode
from tests.outbox.world import World, customer, email, event, leads, user


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        (Mode.LIVE, ("due", None)),
        (Mode.WATCHING, ("held", "watching")),
        (Mode.TRYING, ("held", "not_listed")),
        (Mode.PAUSED, ("due", None)),
        (Mode.NEEDS_REAUTHORIZATION, ("due", None)),
        (Mode.REMOVED, ("held", "workspace_removed")),
    ],
)
async def test_each_mode_lets_a_delivery_go_or_holds_it(world: World, mode: Mode, state: tuple[str, str | None]):
    await world.set_mode(mode)
    assert await world.state(await world.due()) == state


@pytest.mark.parametrize("stopped", [Mode.PAUSED, Mode.NEEDS_REAUTHORIZATION])
async def test_in_a_stopped_workspace_the_mode_counts_that_it_returns_to(world: World, stopped: Mode):
    await world.add_workspace(2, stopped, mode_before="watching")
    (delivery,) = await world.map(event(), received=await world.receive(workspace_id=2))
    found = await world.delivery(delivery, workspace_id=2)
    assert (found.state.value, found.reason) == ("held", "watching")


async def test_while_trying_only_listed_contacts_are_sent_whatever_the_case_they_are_written_in(world: World):
    await world.add_workspace(2, Mode.TRYING, json.dumps({"try_contacts": ["email:ada@example.com", "user_id:u-7"]}))
    world.workspace_id = 2
    assert await world.state(await world.due(email("ada@example.COM"))) == ("due", None)
    assert await world.state(await world.due(user("u-7"), email("other@example.com"))) == ("due", None)
    assert await world.state(await world.due(user("u-8"), at=1)) == ("held", "not_listed")


async def test_while_trying_a_contact_that_is_known_by_evidence_is_listed_too(world: World):
    await world.add_workspace(2, Mode.TRYING, json.dumps({"try_contacts": ["email:ada@example.com"]}))
    world.workspace_id = 2
    delivery = await world.due(customer())
    assert await world.state(delivery) == ("waiting", "contact_unknown")
    await world.map(evidence=[leads(customer(), email())])
    assert await world.state(delivery) == ("due", None)
    assert await world.state(await world.due(customer(), at=2)) == ("due", None)


async def test_a_workspace_that_has_just_gone_live_is_seen_to_be_live(world: World):
    """Memory of modes would be half a second old, and what it held back would stay held."""
    await world.set_mode(Mode.WATCHING)
    assert await world.state(await world.due()) == ("held", "watching")
    await world.set_mode(Mode.LIVE)
    assert await world.state(await world.due()) == ("due", None)


async def test_a_delivery_of_no_workspace_is_kept(world: World):
    (delivery,) = await world.map(event(), received=await world.receive(workspace_id=77))
    found = await world.delivery(delivery, workspace_id=77)
    assert (found.state.value, found.reason) == ("held", "unknown_workspace")
