"""The pages over HTTP: what they tell, what they find, and that nothing that a sender wrote does anything."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape

import pytest

from connector.console import events as console_events
from connector.console import export, search, words
from connector.console.body import shown_body
from connector.errors import UsageError
from connector.events import IdentifierKind
from connector.mapping.proposal.tracing import traced
from connector.outbox import reasons
from tests.console.deployment import Deployment, invoice

NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>"


async def test_the_overview_counts_what_came_and_what_became_of_it(deployment: Deployment):
    await deployment.stripe(invoice())
    await deployment.stripe(invoice(customer_email="nobody@elsewhere.io"))
    await deployment.settled()
    browser = await deployment.signed_in("vera")
    page = await browser.get("/console/")
    assert page.status == 200, page.words
    assert "Received, 24 h 2" in page.words
    assert "Delivered, 24 h 1" in page.words
    assert "Parked 1" in page.words
    fragment = await browser.get("/console/?fragment=1")
    assert "<html" not in fragment.text
    assert "Received, 24 h 2" in fragment.words


@pytest.mark.parametrize("q", ["ada@northwind-labs.io", "{evt}", "{id}", "{short}", "ADA@northwind-labs.io"])
async def test_a_delivery_is_found_by_what_people_have_at_hand(deployment: Deployment, q: str):
    event = await deployment.stripe(invoice())
    await deployment.stripe(invoice(customer_email="other@elsewhere.io"))
    found = {each.contact[0].value: each for each in await deployment.settled()}
    ours = found["ada@northwind-labs.io"].id.hex()
    browser = await deployment.signed_in("vera")
    asked = q.format(evt=event, id=ours, short=ours[:12])
    page = await browser.get("/console/deliveries", params={"q": asked})
    assert re.findall(r"/console/deliveries/([0-9a-f]{32})", page.text) == [ours]
    events = await browser.get("/console/events", params={"q": asked})
    if not q.startswith("{id") and not q.startswith("{short"):
        assert event in events.words


async def test_filters_stand_in_the_address_and_pages_follow_one_another(deployment: Deployment):
    for number in range(60):
        await deployment.stripe(invoice(customer_email=f"nobody{number}@elsewhere.io"))
    await deployment.stripe(invoice())
    made = await deployment.settled()
    browser = await deployment.signed_in("vera")
    page = await browser.get("/console/deliveries", params={"state": "parked", "reason": "no_contact"})
    first = re.findall(r"/console/deliveries/([0-9a-f]{32})", page.text)
    older = re.findall(r'href="([^"]+before=[^"]+)">Older', page.text)[0].replace("&amp;", "&")
    assert "state=parked" in older
    second = re.findall(r"/console/deliveries/([0-9a-f]{32})", (await browser.get(older)).text)
    parked = {each.id.hex() for each in made if each.state == "parked"}
    assert len(first) == 50
    assert {*first, *second} == parked
    assert len(first) + len(second) == len(parked) == 60
    for asked, count in (({"name": "paid-invoice"}, 50), ({"name": "no-such-name"}, 0), ({"type": "invoice.paid"}, 50)):
        shown = await browser.get("/console/deliveries", params=asked)
        assert len(re.findall(r"/console/deliveries/([0-9a-f]{32})", shown.text)) == count, asked
    failed = await browser.get("/console/deliveries", params={"status": "404"})
    assert len(re.findall(r"/console/deliveries/([0-9a-f]{32})", failed.text)) == 50


@pytest.mark.parametrize(
    "asked",
    ["?state=nonsense", "?status=abc", "?since=yesterday", "?before=1.2", "?workspace=nobodys", "/zz", "?status=-1"],
)
async def test_an_address_that_makes_no_sense_is_told_so(one_deployment: Deployment, asked: str):
    browser = await one_deployment.signed_in("vera")
    page = await browser.get(f"/console/deliveries{asked}")
    assert page.status in (404, 422)


async def test_one_delivery_tells_its_story_and_marks_what_was_picked(deployment: Deployment):
    await deployment.stripe(invoice())
    (made,) = await deployment.settled()
    browser = await deployment.signed_in("otto")
    page = await browser.get(f"/console/deliveries/{made.id.hex()}")
    for told in ("Received", "Verified", "Mapped", "Addressed", "Try 1: delivered", "status 202", "price"):
        assert told in page.words
    marked = re.findall(r"<mark>([^<]+)</mark>", page.text)
    assert "&#34;ada@northwind-labs.io&#34;" in marked
    assert "Send it again as a new event" in page.words


async def test_buttons_do_what_the_command_line_does_and_the_audit_says_who(deployment: Deployment):
    await deployment.stripe(invoice(customer_email="nobody@elsewhere.io"))
    (made,) = await deployment.settled()
    browser = await deployment.signed_in("otto")
    await browser.get(f"/console/deliveries/{made.id.hex()}")
    page = await browser.post(f"/console/deliveries/{made.id.hex()}/discard")
    assert "Discarded." in page.words
    assert [each.state for each in await deployment.deliveries()] == ["discarded"]
    page = await browser.post(f"/console/deliveries/{made.id.hex()}/release")
    assert page.status == 422
    assert "it is not held" in page.words
    audit = await browser.get("/console/audit")
    assert "otto (console) deliveries.discard Acme" in audit.words


async def test_a_parked_delivery_is_tried_at_once_when_woken(deployment: Deployment):
    await deployment.stripe(invoice(customer_email="late@elsewhere.io"))
    (made,) = await deployment.settled()
    assert made.state == "parked"
    deployment.sandbox.add_contact(workspace="acme", external_id="late", email="late@elsewhere.io")
    browser = await deployment.signed_in("otto")
    await browser.get(f"/console/deliveries/{made.id.hex()}")
    await browser.post(f"/console/deliveries/{made.id.hex()}/wake")
    (after,) = await deployment.settled()
    assert after.state == "delivered"


async def test_another_workspaces_things_are_not_reached_by_their_ids(deployment: Deployment):
    from connector.workspaces import store

    await deployment.stripe(invoice())
    (made,) = await deployment.settled()
    parts = deployment.service.console.parts
    other = store.Installation("bolt", "bolt-token", name="Bolt")
    await parts.database.transact(store.add, parts.vault, other, now=1)
    browser = await deployment.signed_in("ada")
    assert (await browser.get(f"/console/deliveries/{made.id.hex()}?workspace=acme")).status == 200
    assert (await browser.get(f"/console/deliveries/{made.id.hex()}?workspace=bolt")).status == 422
    assert (await browser.get(f"/console/events/{made.received_key.hex()}?workspace=bolt")).status == 422
    csrf = (await browser.get("/console/workspace?workspace=bolt")).csrf
    for path in (f"/console/deliveries/{made.id.hex()}/discard", "/console/endpoints/1/drop-old"):
        assert (await browser.post(f"{path}?workspace=bolt", csrf=csrf)).status == 422
    assert [each.state for each in await deployment.deliveries()] == ["delivered"]


async def test_nothing_that_a_sender_wrote_is_markup_on_any_page(deployment: Deployment):
    payload = invoice(number=NASTY, hosted_invoice_url="javascript:alert(4)", customer_name=NASTY)
    payload["data"]["object"]["lines"]["data"][0]["description"] = NASTY
    await deployment.stripe(payload)
    await deployment.stripe(invoice(), type=NASTY)
    await deployment.segment({"event": NASTY, "userId": NASTY, "properties": {"x": NASTY}})
    made = await deployment.settled()
    await deployment.change(reason=NASTY[:200], name=NASTY[:200], state="dead")
    browser = await deployment.signed_in("ada")
    seen, queue = set(), ["/console/", "/console/events", "/console/mappings", f"/console/events?q={NASTY}"]
    while queue and len(seen) < 120:
        path = queue.pop()
        if path in seen or "sign-" in path:
            continue
        seen.add(path)
        page = await browser.get(path)
        if "text/html" not in page.headers["content-type"]:
            continue
        assert "<script>" not in page.text, path
        assert "<img" not in page.text, path
        assert not re.search(r"<svg on", page.text), path
        assert 'href="javascript' not in page.text, path
        found = re.findall(
            r'href="(/console/(?:events|deliveries|dead|mappings/entry|mappings/edit|bulk)[^"]*)"', page.text
        )
        queue += [each.replace("&amp;", "&") for each in found]
    assert any(made[0].id.hex() in path for path in seen)
    assert any("mappings/edit" in path for path in seen)


async def test_an_export_is_whole_and_no_spreadsheet_takes_it_for_formulas(deployment: Deployment):
    await deployment.stripe(invoice(customer_email="=cmd|' /C calc'!A0@elsewhere.io"))
    await deployment.stripe(invoice())
    await deployment.settled()
    browser = await deployment.signed_in("vera")
    text = (await browser.get("/console/deliveries.csv")).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 2
    assert {row["state"] for row in rows} <= {"delivered", "parked", "waiting", "dead"}
    assert all(not value.startswith(("=", "+", "@", "-")) for row in rows for value in row.values())
    items = json.loads((await browser.get("/console/deliveries.json?state=delivered")).text)
    assert [item["contact"] for item in items] == ["email:ada@northwind-labs.io"]
    events = list(csv.DictReader(io.StringIO((await browser.get("/console/events.csv")).text)))
    assert [row["type"] for row in events] == ["invoice.paid"] * 2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "|x"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(text: str):
    assert export.cell(text).startswith("'")


def test_other_cells_stay_as_they_are():
    assert [export.cell(value) for value in ("a=b", -5, None, {"a": 1}, 1.5)] == ["a=b", "-5", "", '{"a": 1}', "1.5"]


def test_what_is_typed_into_the_search_field_is_recognised():
    assert search.looked_for("evt_1abc").senders_id == "evt_1abc"
    assert search.looked_for("ab" * 16).id == b"\xab" * 16
    assert search.looked_for("abcdef012").id == bytes.fromhex("abcdef01")
    for text, kind in (
        ("ada@x.io", IdentifierKind.EMAIL),
        ("cus_1", IdentifierKind.STRIPE_CUSTOMER),
        ("in_1", IdentifierKind.STRIPE_INVOICE),
        ("user-7", IdentifierKind.USER_ID),
        ("5f0c33a1" * 3, IdentifierKind.ID),
    ):
        person = search.looked_for(text).person
        assert person is not None
        assert person.kind is kind


def test_times_are_moments_or_ago():
    assert search.time("2h", now=10_000_000) == 2_800_000
    assert search.time("2026-11-26T07:30", now=0) == search.time("2026-11-26T08:30+01:00", now=0)
    with pytest.raises(UsageError):
        search.time("soon", now=0)


def test_a_body_is_shown_whole_and_marks_only_what_was_looked_at():
    raw = b'{"a": {"b": 1, "c": "<x>"}, "d": [1, {"e": null}]}'
    payload = traced(json.loads(raw))
    payload["a"].get("b")
    shown = shown_body(raw, payload)
    assert [piece.text for piece in shown.pieces if piece.picked] == ["1"]
    assert json.loads("".join(piece.text for piece in shown.pieces)) == json.loads(raw)
    assert shown_body(b"no json").pieces[0].text == "no json"


async def test_an_entry_is_changed_in_its_file_and_a_shipped_one_in_a_copy(one_deployment: Deployment):
    browser = await one_deployment.signed_in("ada")
    page = await browser.get("/console/mappings/entry?id=stripe:paid-invoice")
    assert 'href="/console/mappings/edit?copy=stripe%3Apaid-invoice"' in page.text
    draft = await browser.get("/console/mappings/edit?copy=stripe:paid-invoice")
    assert "as a copy of your own" in page.words
    assert "No mistakes" in draft.words
    (digest,) = re.findall(r'name="digest" value="([0-9a-f]+)"', draft.text)
    (text,) = re.findall(r"<textarea[^>]*>\n?(.*?)</textarea>", draft.text, re.DOTALL)
    changed = unescape(text).replace("name: paid-invoice", "name: settled-invoice")
    page = await browser.post("/console/mappings/deploy", digest=digest, file="console.yaml", yaml=changed)
    assert "Deployed." in page.words
    page = await browser.get("/console/mappings/entry?id=stripe:paid-invoice")
    assert "Intercom gets settled-invoice" in page.words
    assert "as a copy of your own" not in page.words
    assert 'href="/console/mappings/edit?file=console.yaml"' in page.text
    again = await browser.get("/console/mappings/edit?copy=stripe:paid-invoice")
    assert again.status == 422
    assert "/edit" not in (await (await one_deployment.signed_in("vera")).get(str(page.url))).text


@pytest.mark.parametrize(
    ("value", "key", "told"),
    [
        ({"amount": 199900, "currency": "usd"}, "price", "1,999.00 USD"),
        (1786961782, "paid_date", "2026-08-17 10:16:22 UTC"),
        (1786961782, "seats", ""),
        ({"url": "https://x.io", "value": "x"}, "invoice", ""),
        ({"amount": "<b>", "currency": "usd"}, "price", ""),
        (10**30, "paid_date", "at an unknown time"),
    ],
)
def test_money_and_dates_are_told_as_people_say_them(value: object, key: str, told: str):
    assert words.readable(value, key) == told


def test_code_in_a_sentence_is_marked_and_everything_else_escaped():
    assert words.coded("<b> `a < b` & `c`") == "&lt;b&gt; <code>a &lt; b</code> &amp; <code>c</code>"


def test_what_to_do_is_told_by_the_buttons_of_the_page():
    told = {reason: words.on_this_page(each.remedy or "") for reason, each in reasons.DELIVERY_REASONS.items()}
    assert told["refused"] == "Mend the mapping by those words, then replay."
    assert told["gave_up"] == "Replay once Intercom answers."
    assert not any("deliveries replay" in each or "deliveries release" in each for each in told.values())


async def test_all_events_of_a_search_are_mapped_again_and_no_others(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
):
    for event in ("Class Booked", "Class Booked", "Class Booked", "Class Left"):
        await deployment.segment({"event": event, "userId": "ada"})
    await deployment.settled()
    browser = await deployment.signed_in("ada")
    page = await browser.get("/console/mappings/edit?source=segment&type=track Class Booked")
    (digest,) = re.findall(r'name="digest" value="([0-9a-f]+)"', page.text)
    (text,) = re.findall(r"<textarea[^>]*>\n?(.*?)</textarea>", page.text, re.DOTALL)
    page = await browser.post("/console/mappings/deploy", digest=digest, file="console.yaml", yaml=unescape(text))
    assert "Mapped now by segment:booked-class" in page.words

    monkeypatch.setattr(console_events, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(console_events, "AT_ONCE", 2)
    asked = {"state": "unmapped", "type": "track Class Booked"}
    for made in (2, 3):
        page = await browser.get("/console/events", params=asked)
        assert "Map these again" in page.words
        page = await browser.post("/console/events/replay", **asked)
        assert "They are mapped again" in page.words
        assert [each.name for each in await deployment.settled()] == ["booked-class"] * made
    left = await browser.get("/console/events", params={"state": "unmapped"})
    assert "track Class Left" in left.words
    assert "track Class Booked" not in left.words
    for wrong in ({"state": "mapped"}, {}):
        assert (await browser.post("/console/events/replay", csrf=left.csrf, **wrong)).status == 422
