"""In a running service: what is refused is counted, judged, and told to whoever is outside."""

from __future__ import annotations

import json

from aiohttp import ClientSession

from connector.alarms.sending import Sending, sinks
from connector.alarms.watch import Watch
from connector.sandbox import Sandbox
from tests.alarms.receiver import receiving
from tests.alarms.test_sending import SECRET
from tests.sync.conftest import in_step, sandbox  # noqa: F401 - the fixture


async def test_forged_webhooks_reach_the_operators_webhook_with_figures_and_remedy(sqlite_url: str, sandbox: Sandbox):  # noqa: F811
    async with receiving() as receiver:
        told = {
            "alert_webhook_url": receiver.url,
            "alert_webhook_secret": SECRET,
            "alert_webhook_allow_private": True,
        }
        async with in_step(sqlite_url, sandbox, reconcile_seconds=0, **told) as running, ClientSession() as http:
            for _ in range(12):
                headers = {"Stripe-Signature": "t=1,v1=00"}
                async with http.post(
                    running.address.url + running.endpoint.path, data=b"{}", headers=headers
                ) as answer:
                    assert answer.status == 401
        # the counts of a service that stops are not lost
        async with in_step(sqlite_url, sandbox, reconcile_seconds=0, **told) as running:
            service = running.service
            watch = Watch(service.database, service.directory, lambda: service.mappings.built, service.tell)
            await watch.look()
            await Sending(service.database, sinks(service.settings), service.tell).turn()
    (sent,) = [json.loads(body)["data"] for _, body in receiver.got]
    assert (sent["kind"], sent["workspace"], sent["subject"]) == ("signature_failures", "sandbox", "stripe default")
    assert sent["detail"].startswith("12 webhooks of the last two hours were refused")
    assert "connector endpoints rotate" in sent["remedy"]
