"""`kill -9` at each point of an event's way: what was answered 200 reaches Intercom once, wherever the process died."""

from __future__ import annotations

import json

import pytest

from tests.crash.deployment import Deployment, stored
from tests.crash.oracle import mistakes
from tests.crash.points import POINTS, WITHIN_GROUP, Point
from tests.crash.sender import webhooks

pytestmark = pytest.mark.crash

LOAD = 40


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name.replace(" ", "-"))
async def test_a_death_at_this_point_loses_and_doubles_nothing(any_deployment: Deployment, point: Point) -> None:
    deployment = any_deployment
    doomed = await deployment.start(program=point.program)
    sender = deployment.sender(at_once=LOAD)
    async with sender.sending(webhooks(LOAD)):
        await deployment.died(doomed)
        there = await deployment.asks(stored)
        assert {each.event_id for each in sender.answered.values()} <= there
        if point is WITHIN_GROUP:
            group = json.loads(next(line for line in doomed.process.lines if line.startswith('{"group"')))["group"]
            assert there.isdisjoint(group), "half a group was committed"
        await deployment.start()
    books = await deployment.settled()
    assert mistakes(sender, books, deaths=deployment.deaths) == []
    assert bool(books.repeated) == point.sent_again


async def test_a_death_between_the_request_and_its_answer_loses_and_doubles_nothing(any_deployment: Deployment) -> None:
    """Intercom holds the event and has not said so: it is sent again as it was, and Intercom drops the double."""
    deployment = any_deployment
    await deployment.sandbox("POST", "faults", kind="slow", delay=60, times=None)
    await deployment.start()
    sender = deployment.sender()
    await sender.send(*webhooks(LOAD))
    await deployment.accepted(1)
    await deployment.kill()
    await deployment.sandbox("DELETE", "faults")
    await deployment.sandbox("POST", "faults", status=400, containing="refused-", times=None)
    await deployment.start()
    books = await deployment.settled()
    assert mistakes(sender, books, deaths=deployment.deaths) == []
    assert books.repeated
    first = {each["created_at"] for each in books.repeated}
    assert first <= {each["created_at"] for each in books.arrived}, "an identity was changed"
