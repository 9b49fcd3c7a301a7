"""Scripted faults: which call they hit, what its caller sees, and whether the event is there afterwards."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientError, ClientTimeout
from pydantic import ValidationError


async def test_a_fault_hits_the_next_call_and_no_other(sandbox, submit, ada):
    sandbox.fail()
    answers = [await submit(), await submit()]
    assert [answer.status for answer in answers] == [500, 202]
    assert answers[0].error == (500, "server_error", "Server Error")


async def test_a_storm_is_as_long_as_it_was_told(sandbox, submit, ada):
    for status in (500, 502, 503, 504):
        sandbox.fail(status=status, times=2)
    assert [(await submit()).status for _ in range(9)] == [500, 500, 502, 502, 503, 503, 504, 504, 202]


async def test_a_fault_may_let_calls_pass_and_hit_one_in_so_many(sandbox, submit, ada):
    sandbox.fail(status=503, skip=2, every=3, times=2)
    assert [(await submit()).status for _ in range(8)] == [202, 202, 503, 202, 202, 503, 202, 202]


async def test_a_fault_may_end_with_time(sandbox, submit, clock, ada):
    sandbox.fail(status=503, seconds=30)
    assert [(await submit()).status for _ in range(3)] == [503, 503, 503]
    clock.advance(30)
    assert (await submit()).status == 202


async def test_a_fault_may_last_until_it_is_cleared(sandbox, submit, ada):
    sandbox.fail(status=503, times=None)
    assert [(await submit()).status for _ in range(3)] == [503, 503, 503]
    sandbox.clear_faults()
    assert (await submit()).status == 202


@pytest.mark.parametrize(
    "script",
    [
        {"path": "/contacts/search"},
        {"path": "/contacts*"},
        {"method": "GET"},
        {"workspace": "globex"},
        {"containing": "bob@example.com"},
    ],
    ids=str,
)
async def test_a_fault_leaves_other_calls_alone(sandbox, submit, ada, script):
    sandbox.fail(status=503, **script)
    assert (await submit()).status == 202


@pytest.mark.parametrize(
    "script", [{"path": "/ev*"}, {"path": "*"}, {"method": "POST"}, {"workspace": "sandbox"}, {"containing": '"ada"'}]
)
async def test_a_fault_finds_its_call(sandbox, submit, ada, script):
    sandbox.fail(status=503, **script)
    assert (await submit()).status == 503


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "parameter_invalid"),
        (401, "unauthorized"),
        (403, "api_plan_restricted"),
        (404, "not_found"),
        (408, "request_timeout"),
        (409, "conflict"),
        (422, "unprocessable_entity"),
        (429, "rate_limit_exceeded"),
        (500, "server_error"),
        (503, "service_unavailable"),
    ],
)
async def test_a_scripted_status_comes_as_intercom_words_it_and_stores_nothing(sandbox, submit, ada, status, code):
    sandbox.fail(status=status)
    assert (await submit()).error[:2] == (status, code)
    assert sandbox.events() == []


async def test_an_answer_can_be_any_text_of_any_type(sandbox, submit, ada):
    sandbox.fail(status=404, body="<html>Not here</html>", content_type="text/html")
    answer = await submit()
    assert (answer.status, answer.body) == (404, "<html>Not here</html>")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_a_redirect_goes_where_it_was_told(sandbox, submit, ada):
    sandbox.fail(status=307, headers={"Location": "https://example.com/"})
    answer = await submit()
    assert (answer.status, answer.headers["Location"]) == (307, "https://example.com/")


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Reset": "soon"}, {"Retry-After": "7"}], ids=str)
async def test_a_scripted_429_has_the_headers_it_was_given_and_no_others(sandbox, submit, ada, headers):
    sandbox.fail(status=429, headers=headers)
    answer = await submit()
    named = {name: value for name, value in answer.headers.items() if name.startswith(("X-RateLimit", "Retry"))}
    assert (answer.status, named) == (429, headers)


async def test_garbage_may_follow_an_event_that_was_stored(sandbox, submit, ada):
    sandbox.fail("status_after", status=202, body="{garbage")
    assert (await submit()).body == "{garbage"
    assert len(sandbox.events()) == 1


async def test_a_connection_may_be_cut_before_anything_was_read(sandbox, submit, ada):
    sandbox.fail("reset")
    with pytest.raises(ClientError):
        await submit()
    assert sandbox.events() == []
    assert (await submit()).status == 202


async def test_a_connection_may_be_cut_after_the_event_was_stored_and_the_retry_is_a_duplicate(sandbox, submit, ada):
    sandbox.fail("reset_after")
    with pytest.raises(ClientError):
        await submit()
    assert (await submit()).status == 202
    assert [event.duplicate for event in sandbox.events()] == [False, True]


async def test_a_server_may_take_the_event_at_once_and_answer_much_later(sandbox, submit, ada):
    sandbox.fail("slow", delay=3600)
    waiting = asyncio.create_task(submit())
    await sandbox.until(lambda: len(sandbox.events()) == 1)
    assert sandbox.calls() == []
    waiting.cancel()
    await sandbox.until(lambda: [call.status for call in sandbox.calls()] == [None])


async def test_a_server_may_hang_without_taking_the_event(sandbox, submit, ada):
    sandbox.fail("hang")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(submit(), timeout=0.2)
    await sandbox.until(lambda: len(sandbox.calls()) == 1)
    (call,) = sandbox.calls()
    assert (call.status, call.fault) == (None, "hang")
    assert sandbox.events() == []


async def test_a_late_answer_is_still_an_answer(sandbox, submit, ada):
    sandbox.fail("slow", delay=0.01)
    assert (await submit()).status == 202


async def test_an_answer_may_drip_and_keeps_its_status_and_body(sandbox, submit, call):
    sandbox.fail("drip", delay=0)
    assert (await submit(user_id="nobody")).error == (404, "not_found", "User Not Found")


async def test_a_dripping_answer_outlasts_a_short_timeout(sandbox, call):
    sandbox.fail("drip", path="/me", delay=3600)
    with pytest.raises(TimeoutError):
        async with call.session.get("/me", timeout=ClientTimeout(total=0.2)) as answer:
            await answer.read()


async def test_a_script_with_a_mistake_is_refused(sandbox):
    with pytest.raises(ValidationError):
        sandbox.fail("explode")
    with pytest.raises(ValidationError):
        sandbox.fail(staus=500)


async def test_intercom_may_be_away_and_come_back_with_all_it_had(sandbox, submit, ada):
    await submit(created_at=1)
    await sandbox.stop()
    with pytest.raises(ClientError):
        await submit(created_at=2)
    await sandbox.start()
    await submit(created_at=1)
    assert [event.duplicate for event in sandbox.events()] == [False, True]
