"""Jobs that do something to many deliveries: cancelled in the middle, and what the pages say of them."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from connector.database.tables import audit, bulk_jobs
from connector.outbox import bulk
from connector.outbox.bulk import BulkJob, JobState
from tests.appstore.deployment import Browser
from tests.console.deployment import Deployment, invoice

MANY, RATE = 40, 5


async def begun(deployment: Deployment, browser: Browser, action: str) -> BulkJob:
    """A job about `MANY` parked deliveries, begun as the preview's form begins it."""
    for number in range(MANY):
        await deployment.stripe(invoice(customer_email=f"nobody{number}@elsewhere.io"))
    assert {each.state for each in await deployment.settled()} == {"parked"}
    preview = await browser.get(f"/console/bulk/{action}?state=parked&reason=no_contact")
    assert f"{action.capitalize()} {MANY} deliveries" in preview.words
    fields = {"state": "parked", "reason": "no_contact", "rate": str(RATE)}
    page = await browser.post(f"/console/bulk/{action}", **fields)
    assert "The job has begun." in page.words
    return await job(deployment)


async def job(deployment: Deployment) -> BulkJob:
    (found,) = await deployment.service.database.read(bulk.latest, deployment.workspace_id)
    return found


async def turned(deployment: Deployment) -> None:
    """Until a turn has been taken."""
    async with asyncio.timeout(30):
        while not (await job(deployment)).seen:
            await asyncio.sleep(0.02)


async def deeds(deployment: Deployment) -> list[tuple[str, str]]:
    """Who did what about deliveries, the first first."""
    query = sa.select(audit.c.actor, audit.c.action).where(audit.c.action.like("deliveries.%")).order_by(audit.c.id)
    return [tuple(row) for row in await deployment.service.database.read(lambda c: c.execute(query).all())]


async def test_a_cancelled_job_stops_where_it_is_and_what_was_done_stays_done(deployment: Deployment):
    browser = await deployment.signed_in("otto")
    number = (await begun(deployment, browser, "discard")).id
    await turned(deployment)
    page = await browser.get(f"/console/jobs/{number}")
    assert "running" in page.words
    assert "Cancel" in page.words

    page = await browser.post(f"/console/jobs/{number}/cancel")
    assert "Cancelled. What was done stays done." in page.words
    stopped = await job(deployment)
    assert stopped.state is JobState.CANCELLED
    assert 0 < stopped.seen < MANY
    assert stopped.done == stopped.seen
    assert f"{stopped.seen} of {MANY} looked at, {stopped.done} done" in page.words
    assert f'action="/console/jobs/{number}/cancel' not in page.text

    for _ in range(3):
        await deployment.service.console.work_off_jobs()
    assert await job(deployment) == stopped
    states = [each.state for each in await deployment.deliveries()]
    assert states.count("discarded") == stopped.done
    assert states.count("parked") == MANY - stopped.done
    assert await deeds(deployment) == [
        ("otto (console)", "deliveries.discard.begun"),
        ("otto (console)", "deliveries.discard.cancelled"),
    ]


async def test_a_job_that_is_over_is_not_cancelled_and_says_so(one_deployment: Deployment):
    browser = await one_deployment.signed_in("otto")
    number = (await begun(one_deployment, browser, "discard")).id
    await browser.post(f"/console/jobs/{number}/cancel")
    page = await browser.post(f"/console/jobs/{number}/cancel")
    assert "Nothing had to be changed." in page.words
    assert [action for _, action in await deeds(one_deployment)].count("deliveries.discard.cancelled") == 1


async def test_a_job_that_is_cancelled_while_it_replays_leaves_nothing_half_done(deployment: Deployment):
    """What was replayed is mapped again and parked again; the rest was not touched."""
    browser = await deployment.signed_in("otto")
    number = (await begun(deployment, browser, "replay")).id
    await turned(deployment)
    await browser.post(f"/console/jobs/{number}/cancel")
    stopped = await job(deployment)
    made = await deployment.settled()
    assert [each.state for each in made] == ["parked"] * MANY
    again = [each for each in made if each.mapped_at > stopped.created_at]
    assert len(again) == stopped.done < MANY


async def test_another_workspaces_job_is_neither_shown_nor_cancelled(deployment: Deployment):
    from connector.workspaces import store

    parts = deployment.service.console.parts
    other = store.Installation("bolt", "bolt-token", name="Bolt")
    await parts.database.transact(store.add, parts.vault, other, now=1)
    browser = await deployment.signed_in("otto")
    number = (await begun(deployment, browser, "discard")).id
    assert (await browser.get(f"/console/jobs/{number}?workspace=bolt")).status == 422
    csrf = (await browser.get("/console/workspace?workspace=bolt")).csrf
    page = await browser.post(f"/console/jobs/{number}/cancel?workspace=bolt", csrf=csrf)
    assert page.status == 422
    query = sa.select(bulk_jobs.c.state)
    assert await deployment.service.database.read(lambda c: c.scalar(query)) in ("running", "done")
