"""An operator's first day, by the command line alone: nothing here touches the connector but its commands and HTTP.

With --json a command's stdout is one JSON document. It ends with 0 when it is done, 1 when it failed, 2 when it was
used wrongly.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.crash.processes import Process, Result, run
from tests.journeys.conftest import eventually, segment_payload, stripe_payload
from tests.signing import segment_headers, stripe_headers

STRIPE_SECRET, SEGMENT_SECRET, TOKEN = "whsec_operator", "segment-operator", "token-of-acme"
PAID, ORDER = stripe_payload("invoice.paid"), segment_payload("track-order-completed")
EMAIL = PAID["data"]["object"]["customer_email"]


@dataclass
class Operator:
    """Somebody at a shell, in a folder with nothing in it but what their commands make."""

    env: Mapping[str, str]
    intercom: str
    http: ClientSession

    async def type(self, *command: str) -> Result:
        return await run(*command, env=self.env)

    async def json(self, *command: str) -> Any:
        """The one document of a command that succeeds."""
        return (await self.type(*command, "--json")).ok.json

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        async with self.http.post(url, data=body, headers=headers) as answer:
            return answer.status

    async def contact(self, **fields: str) -> None:
        """Somebody signs up at Intercom."""
        async with self.http.post(f"{self.intercom}/sandbox/contacts", json={"contacts": [fields]}) as answer:
            assert answer.status == 200

    async def events(self) -> list[dict[str, Any]]:
        """What Intercom has."""
        async with self.http.get(f"{self.intercom}/sandbox/events?duplicate=false") as answer:
            events: list[dict[str, Any]] = (await answer.json())["events"]
            return events

    async def items(self, *command: str) -> list[dict[str, Any]]:
        """The items of a list that is whole."""
        page = await self.json(*command)
        assert page.keys() == {"items", "next"}
        assert page["next"] is None
        items: list[dict[str, Any]] = page["items"]
        return items

    async def stand(self, *states: str) -> bool:
        """Whether the deliveries are in these states, in any order."""
        return sorted(each["state"] for each in await self.items("deliveries", "list")) == sorted(states)


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    sandbox = await Process.start("sandbox", "--port", "0", "--workspace", f"acme={TOKEN}", env={})
    try:
        intercom = str(await sandbox.said("http://"))
        env = {
            "CONNECTOR_DATABASE_URL": f"sqlite:///{tmp_path / 'connector.db'}",
            "CONNECTOR_INTERCOM_API_URL": intercom,
            "CONNECTOR_LOG_FORMAT": "json",
            "CONNECTOR_MAX_AGE": "0",  # the payloads tell of days long past
        }
        async with ClientSession() as http:
            yield Operator(env, intercom, http)
    finally:
        await sandbox.kill()


async def test_from_an_empty_folder_to_replayed_deliveries(operator: Operator) -> None:
    assert (await operator.json("migrate"))["changed"] is True
    workspace = await operator.json("workspaces", "add", "--app-id", "acme", "--access-token", TOKEN)
    assert (workspace["app_id"], workspace["mode"], workspace["verified"]) == ("acme", "live", True)
    stripe = await operator.json(*endpoint("stripe", STRIPE_SECRET))
    segment = await operator.json(*endpoint("segment", SEGMENT_SECRET))
    assert stripe["path"].startswith("/webhooks/stripe/")

    service = await Process.start("serve", "--port", "0", env=operator.env)
    try:
        url = json.loads(str(await service.said('"url": "http')))["url"]
        await operator.contact(email=EMAIL)
        await webhooks_arrive(operator, url + stripe["path"], url + segment["path"])
        await what_waits_is_replayed(operator)
        await all_is_well(operator)
        assert await service.stop(within_s=30) == 0
    finally:
        await service.kill()


def endpoint(source: str, secret: str) -> tuple[str, ...]:
    return "endpoints", "add", "--workspace", "acme", "--source", source, "--signing-secret", secret


async def webhooks_arrive(operator: Operator, stripe: str, segment: str) -> None:
    """One for somebody Intercom knows, one for somebody it does not, a repetition and a forgery."""
    paid, order = json.dumps(PAID, indent=2).encode(), json.dumps(ORDER).encode()
    assert await operator.post(stripe, paid, stripe_headers(paid, STRIPE_SECRET)) == 200
    assert await operator.post(stripe, paid, stripe_headers(paid, STRIPE_SECRET)) == 200
    assert await operator.post(segment, order, segment_headers(order, SEGMENT_SECRET)) == 200
    assert await operator.post(stripe, paid, stripe_headers(paid, "whsec_forged")) == 401
    await eventually(lambda: operator.stand("delivered", "parked"), within_s=60)
    events = await operator.items("events", "list")
    assert {(each["type"], each["state"]) for each in events} == {
        ("invoice.paid", "mapped"),
        ("track Order Completed", "mapped"),
    }


async def what_waits_is_replayed(operator: Operator) -> None:
    """The order's story says why it waits; once the contact is there, an operator need not wait."""
    (parked,) = await operator.items("deliveries", "list", "--state", "parked")
    story = await operator.json("deliveries", "show", parked["id"][:8])
    assert (story["reason"], story["received"]["type"]) == ("no_contact", "track Order Completed")
    assert [(each["status"], each["outcome"]) for each in story["attempts"]] == [(404, "contact_not_found")]
    assert story["body"]["properties"] == ORDER["properties"]

    await operator.contact(external_id=ORDER["userId"])
    (replayed,) = (await operator.json("deliveries", "replay", parked["id"]))["items"]
    assert replayed["done"] is True
    await eventually(lambda: operator.stand("delivered", "delivered"), within_s=60)
    assert sorted(each["name"] for each in await operator.events()) == ["completed-order", "paid-invoice"]

    refused = await operator.type("deliveries", "replay", replayed["id"])
    assert (refused.status, "Intercom already holds this event" in refused.err) == (1, True)
    assert len(await operator.events()) == 2


async def all_is_well(operator: Operator) -> None:
    counts = await operator.json("status")
    assert (counts["events"], counts["deliveries"]) == ({"mapped": 2}, {"delivered": 2})
    found = await operator.json("doctor")
    assert found["ok"] is True
    assert [check["name"] for check in found["checks"] if check["ok"] is False] == []


@pytest.mark.parametrize(
    "command",
    [
        ("deliveries", "show", "00000000"),
        ("endpoints", "add", "--workspace", "nobody", "--source", "stripe", "--signing-secret", "whsec_x"),
        ("events", "list", "--limit", "1001"),
    ],
)
async def test_wrong_usage_is_one_document_and_one_sentence(operator: Operator, command: tuple[str, ...]) -> None:
    result = await operator.type(*command, "--json")
    assert (result.status, result.json["error"]["kind"]) == (2, "usage")
    assert result.err == f"error: {result.json['error']['message']}\n"


async def test_a_database_that_cannot_be_reached_is_a_failure_not_wrong_usage(operator: Operator) -> None:
    elsewhere = {**operator.env, "CONNECTOR_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nowhere"}
    result = await run("status", "--json", env=elsewhere)
    assert (result.status, list(result.json)) == (1, ["error"])
    assert "Traceback" not in result.err
