"""What every call to Intercom passes first: token, rate limit, version, scope; and GET /me behind it."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession

from connector.sandbox import Sandbox, SandboxSettings, Scope, WorkspaceSettings

LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


async def test_a_token_that_opens_nothing_is_refused_without_rate_limit_headers(call, submit):
    for authorization in ("Bearer wrong", "Basic c2FuZGJveA==", "Bearer", ""):
        answer = await call("GET", "/me", Authorization=authorization)
        assert answer.error == (401, "unauthorized", "Access Token Invalid")
        assert not set(LIMIT_HEADERS) & answer.headers.keys()


async def test_each_token_opens_its_own_workspace(clock, calling):
    both = tuple(WorkspaceSettings(app_id=app_id, token=f"token-{app_id}") for app_id in ("acme", "globex"))
    async with Sandbox(SandboxSettings(workspaces=both), clock=clock) as sandbox, calling(sandbox.url) as call:
        sandbox.add_contact(workspace="globex", external_id="42")
        event = {"event_name": "paid-invoice", "created_at": 1, "user_id": "42"}
        assert (await call("POST", "/events", event, Authorization="Bearer token-acme")).status == 404
        assert (await call("POST", "/events", event, Authorization="Bearer token-globex")).status == 202
        assert [event.workspace for event in sandbox.events()] == ["globex"]
        assert sandbox.events(workspace="acme") == []


async def test_me_tells_the_workspace_its_region_and_its_time_zone(sandbox, call):
    sandbox.configure(name="Acme", region="EU", timezone="Europe/Dublin", email_verified=False)
    me = (await call("GET", "/me")).body
    assert (me["type"], me["email_verified"]) == ("admin", False)
    assert me["app"] | {"created_at": 0} == {
        "type": "app",
        "id_code": "sandbox",
        "name": "Acme",
        "created_at": 0,
        "secure": False,
        "identity_verification": False,
        "timezone": "Europe/Dublin",
        "region": "EU",
    }


async def test_a_changed_token_is_the_only_one_that_opens(sandbox, call):
    sandbox.configure(token="new-token")
    assert (await call("GET", "/me")).status == 401
    assert (await call("GET", "/me", Authorization="Bearer new-token")).status == 200


@pytest.mark.parametrize("version", ["1.4", "2.11", "2.16", "Unstable"])
async def test_a_known_version_is_served(call, version):
    assert (await call("GET", "/me", Intercom_Version=version)).status == 200


@pytest.mark.parametrize("version", ["2.99", "16", "latest", ""])
async def test_an_unknown_version_is_refused(call, version):
    answer = await call("GET", "/me", Intercom_Version=version)
    assert answer.error == (400, "intercom_version_invalid", "The requested version could not be found")


async def test_a_call_without_accept_is_refused(sandbox):
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    async with (
        ClientSession(sandbox.url, headers=headers, skip_auto_headers=["Accept"]) as session,
        session.get("/me") as answer,
    ):
        assert answer.status == 406


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        (Scope.WRITE_EVENTS, "POST", "/events"),
        (Scope.READ_EVENTS, "GET", "/events"),
        (Scope.WRITE_CONTACTS, "POST", "/contacts"),
        (Scope.READ_CONTACT, "GET", "/contacts/find_by_external_id/42"),
        (Scope.LIST_CONTACTS, "POST", "/contacts/search"),
    ],
)
async def test_a_call_whose_scope_was_not_granted_is_refused(sandbox, call, scope, method, path):
    sandbox.configure(scopes=[other for other in Scope if other is not scope])
    answer = await call(method, path)
    assert answer.error == (403, "forbidden", f"You do not have the required scope ({scope}) to access this resource")


@pytest.mark.parametrize(("method", "path"), [("GET", "/inboxes"), ("PATCH", "/events"), ("DELETE", "/me")])
async def test_an_unknown_path_or_method_is_not_found(call, method, path):
    assert (await call(method, path)).error[:2] == (404, "not_found")


async def test_every_answer_has_a_request_id_and_errors_repeat_it(submit, ada):
    accepted, refused = await submit(), await submit(user_id="nobody")
    assert refused.body["request_id"] == refused.headers["X-Request-Id"]
    assert accepted.headers["X-Request-Id"] != refused.headers["X-Request-Id"]


async def test_every_authenticated_answer_tells_what_is_left_of_its_ten_seconds(sandbox, submit, clock, ada):
    sandbox.configure(rate_limit=3)
    start, told = int(clock.now), []
    for user in ("ada", "nobody"):
        answer = await submit(user_id=user)
        told.append(tuple(answer.headers[name] for name in LIMIT_HEADERS))
    clock.advance(10)
    answer = await submit()
    told.append(tuple(answer.headers[name] for name in LIMIT_HEADERS))
    assert told == [
        ("3", "2", str(start + 10)),
        ("3", "1", str(start + 10)),
        ("3", "2", str(start + 20)),
    ]


async def test_a_call_too_many_is_refused_until_the_window_ends_and_nothing_is_carried_over(
    sandbox, submit, clock, ada
):
    sandbox.configure(rate_limit=2)
    clock.advance(9)
    answers = [await submit(created_at=n) for n in range(3)]
    assert [answer.status for answer in answers] == [202, 202, 429]
    assert answers[2].error == (429, "rate_limit_exceeded", "Exceeded rate limit of 2 in 10_seconds")
    assert answers[2].headers["X-RateLimit-Remaining"] == "0"
    assert "Retry-After" not in answers[2].headers
    clock.advance(1)
    assert [(await submit(created_at=n)).status for n in range(3, 6)] == [202, 202, 429]


async def test_duplicates_and_refused_events_spend_the_budget_too(sandbox, submit, ada):
    sandbox.configure(rate_limit=2)
    assert [(await submit()).status, (await submit()).status, (await submit()).status] == [202, 202, 429]


async def test_all_workspaces_of_an_app_may_share_one_limit(clock, calling):
    two = tuple(WorkspaceSettings(app_id=app_id, token=app_id) for app_id in ("acme", "globex"))
    settings = SandboxSettings(workspaces=two, app_rate_limit=2)
    async with Sandbox(settings, clock=clock) as sandbox, calling(sandbox.url) as call:
        answers = [await call("GET", "/me", Authorization=f"Bearer {app}") for app in ("acme", "globex", "acme")]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].headers["X-RateLimit-Remaining"] == "1664"


async def test_a_workspace_without_limit_sends_no_headers_of_one(sandbox, submit, ada):
    sandbox.configure(rate_limit=None)
    assert not set(LIMIT_HEADERS) & (await submit()).headers.keys()
