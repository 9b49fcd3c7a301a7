"""The control plane by HTTP, the record of calls, the ledger's file, and the sandbox as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from connector.errors import UsageError
from connector.sandbox import Sandbox, SandboxSettings, WorkspaceSettings


async def test_contacts_are_seeded_and_searchable_at_once(sandbox, call, submit):
    sandbox.configure(search_delay=300)
    seeded = await call("POST", "/sandbox/contacts", {"contacts": [{"external_id": "42"}, {"role": "lead"}]})
    assert [contact["external_id"] for contact in seeded.body["contacts"]] == ["42", None]
    query = {"query": {"field": "external_id", "operator": "=", "value": "42"}}
    assert (await call("POST", "/contacts/search", query)).body["total_count"] == 1
    assert len((await call("GET", "/sandbox/contacts")).body["contacts"]) == 2


async def test_what_was_received_is_told_with_its_types(call, submit, ada):
    await submit(metadata={"price": {"amount": 1999, "currency": "usd"}, "paid_date": 1795225780})
    await submit("other")
    await submit("other")
    (event,) = (await call("GET", "/sandbox/events?name=paid-invoice")).body["events"]
    assert event["types"] == {"price": "monetary amount", "paid_date": "date"}
    assert len((await call("GET", "/sandbox/events?duplicate=true")).body["events"]) == 1
    assert (await call("GET", "/sandbox/events?workspace=elsewhere")).body["events"] == []


async def test_asking_for_events_can_wait_until_they_are_there(call, submit, ada):
    asked = asyncio.create_task(call("GET", "/sandbox/events?at_least=2&within=30"))
    await submit(created_at=1)
    await submit(created_at=2)
    assert len((await asked).body["events"]) == 2
    assert len((await call("GET", "/sandbox/events?at_least=3&within=0.01")).body["events"]) == 2


async def test_calls_are_counted_by_method_route_and_status(sandbox, call, submit, ada):
    await submit()
    await submit(user_id="nobody")
    await call("GET", f"/contacts/{ada.id}")
    told = (await call("GET", "/sandbox/calls")).body
    counts = {"POST /events 202": 1, "POST /events 404": 1, "GET /contacts/{contact_id} 200": 1}
    assert told["counts"] == sandbox.counts() == counts
    assert [item["path"] for item in told["calls"]] == ["/events", "/events", f"/contacts/{ada.id}"]
    assert [call.workspace for call in sandbox.calls(status=404)] == ["sandbox"]
    assert len((await call("GET", "/sandbox/calls?path=/events&status=202")).body["calls"]) == 1


async def test_asking_the_control_plane_is_not_a_call_to_intercom(sandbox, call):
    sandbox.fail(path="*", times=None)
    assert (await call("GET", "/sandbox/calls")).body == {"counts": {}, "calls": []}


async def test_faults_are_set_shown_and_cleared(call, submit, ada):
    assert (await call("POST", "/sandbox/faults", {"status": 503, "times": 2})).status == 200
    assert (await submit()).status == 503
    (fault,) = (await call("GET", "/sandbox/faults")).body["faults"]
    assert (fault["kind"], fault["status"]) == ("status", 503)
    await call("DELETE", "/sandbox/faults")
    assert (await submit()).status == 202


async def test_a_workspace_is_added_and_changed_while_it_runs(sandbox, call):
    assert (await call("POST", "/sandbox/workspaces", {"app_id": "acme", "token": "acme"})).status == 200
    assert (await call("GET", "/me", Authorization="Bearer acme")).body["app"]["id_code"] == "acme"
    changed = await call("PATCH", "/sandbox/workspaces/acme", {"rate_limit": 2, "search_delay": 60})
    assert (changed.body["rate_limit"], changed.body["search_delay"]) == (2, 60)
    assert (await call("GET", "/me", Authorization="Bearer acme")).status == 200
    assert (await call("GET", "/me", Authorization="Bearer acme")).status == 429


async def test_a_workspace_is_shown_with_its_event_names(call, submit, ada):
    await submit("paid-invoice")
    await submit("opened-dispute")
    (workspace,) = (await call("GET", "/sandbox/workspaces")).body["workspaces"]
    assert (workspace["app_id"], workspace["names"]) == ("sandbox", ["opened-dispute", "paid-invoice"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sandbox/faults", {"staus": 500}),
        ("POST", "/sandbox/faults", b"{"),
        ("POST", "/sandbox/contacts", {"contacts": [{}], "workspace": "elsewhere"}),
        ("POST", "/sandbox/contacts", {"contacts": [{"role": "visitor"}]}),
        ("POST", "/sandbox/workspaces", {"app_id": "sandbox", "token": "other"}),
        ("POST", "/sandbox/stripe", {"things": [{"id": "evt_1"}]}),
        ("PATCH", "/sandbox/workspaces/sandbox", {"rate_limit": -1}),
        ("PATCH", "/sandbox/workspaces/sandbox", {"timezone": "Mars/Olympus_Mons"}),
        ("PATCH", "/sandbox/workspaces/sandbox", b"[]"),
        ("GET", "/sandbox/events?at_least=many", None),
    ],
    ids=str,
)
async def test_a_mistake_in_a_script_is_told_and_changes_nothing(call, method, path, body):
    answer = await call(method, path, body)
    assert answer.status == 400
    assert answer.body["error"]


async def test_a_reset_forgets_all_but_the_settings(sandbox, call, submit, ada):
    await submit()
    sandbox.fail(times=None)
    await call("POST", "/sandbox/reset")
    assert (sandbox.events(), sandbox.calls(), sandbox.counts(), sandbox.contacts()) == ([], [], {}, [])
    sandbox.add_contact(external_id="ada")
    assert (await submit()).status == 202
    assert sandbox.events()[0].duplicate is False


async def test_waiting_for_what_does_not_come_ends(sandbox):
    with pytest.raises(TimeoutError):
        await sandbox.until(lambda: len(sandbox.events()) == 1, within=0.01)


async def test_two_workspaces_cannot_share_a_token(sandbox):
    with pytest.raises(UsageError):
        sandbox.add_workspace(WorkspaceSettings(app_id="other"))


async def test_the_ledger_s_file_has_every_event_and_call_in_order(tmp_path, clock, calling):
    ledger = tmp_path / "ledger.jsonl"
    settings = SandboxSettings(ledger=ledger)
    async with Sandbox(settings, clock=clock) as sandbox, calling(sandbox.url, sandbox.token) as call:
        sandbox.add_contact(external_id="42")
        event = {"event_name": "paid-invoice", "created_at": 1, "user_id": "42", "metadata": {"note": "\ud800"}}
        await call("POST", "/events", json.dumps(event).encode())
        sandbox.reset()
    lines = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    assert [(line["kind"], line.get("name"), line.get("status")) for line in lines] == [
        ("event", "paid-invoice", None),
        ("call", None, 202),
    ]
    assert lines[0]["metadata"] == {"note": "\ud800"}


async def test_it_runs_as_a_process_and_what_it_acknowledged_outlives_a_kill(tmp_path, calling):
    ledger = tmp_path / "ledger.jsonl"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connector.sandbox", "--workspace", "acme=acme-token"),
        *("--ledger", str(ledger), "--create-contacts"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
        async with calling(url, "acme-token") as call:
            event = {"event_name": "paid-invoice", "created_at": 1, "user_id": "42"}
            assert (await call("POST", "/events", event)).status == 202
    finally:
        process.kill()
        await process.wait()
    kept = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    assert [(line["workspace"], line["name"]) for line in kept if line["kind"] == "event"] == [("acme", "paid-invoice")]
