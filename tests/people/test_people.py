"""One person's data: who they are by evidence, what names them, and that nothing of it is left; on both databases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from connector.contacts.evidence import Evidence
from connector.database.engine import Database
from connector.database.tables import audit, bodies, deliveries, metadata, received_events
from connector.events import Identifier, IdentifierKind, SourceEvent, Trust
from connector.inbox import store
from connector.inbox.arrivals import Arrival, insert
from connector.mapping.context import Options
from connector.mapping_files import load, shipped_folder
from connector.outbox import replay
from connector.outbox.enqueue import enqueue
from connector.outbox.replay import NotReplayed
from connector.outbox.translation import Rules, translation
from connector.people.dossier import dossier
from connector.people.forgetting import Forgetting, Forgotten, forget
from connector.people.mentions import Mention, Names, mention, redacted
from connector.people.person import Person, named, person
from connector.telemetry.facts import PersonForgotten
from tests.outbox.world import NOW, NOW_S, World, charge, customer, email, event, leads, refusal, user

ADA, MAIL, CUSTOMER = user("ada-77"), email("ada@example.com"), customer("cus_ADA")
DEVICE = Identifier(IdentifierKind.ANONYMOUS_ID, "device-77")
RULES = Rules(load([shipped_folder()]).catalog, Options(), "shipped")


@pytest.fixture
async def world(database: Database) -> World:
    made = World(database)
    await made.add_workspace()
    return made


async def know(world: World, *said: Evidence) -> None:
    await world.map(evidence=said)


async def whom(world: World, asked: Identifier) -> Person:
    return await world.database.read(person, 1, asked)


async def test_everything_that_leads_to_a_person_alone_is_theirs_from_wherever_one_starts(world: World):
    await know(
        world,
        leads(CUSTOMER, MAIL),
        leads(CUSTOMER, ADA),
        leads(charge("ch_ADA"), CUSTOMER),
        leads(DEVICE, ADA),
        leads(ADA, MAIL),
    )
    everything = {ADA, MAIL, CUSTOMER, DEVICE, charge("ch_ADA")}
    for start in everything:
        assert (await whom(world, start)).identifiers == everything, start


async def test_an_address_that_two_users_have_joins_neither_to_the_other(world: World):
    """One billing address of a company: whoever asks for one colleague gets nothing of the other."""
    shared, bob, bobs = email("billing@acme.example"), user("bob"), customer("cus_BOB")
    await know(world, leads(CUSTOMER, shared), leads(CUSTOMER, ADA), leads(bobs, shared), leads(bobs, bob))
    ada = await whom(world, ADA)
    assert ada.identifiers == {ADA, CUSTOMER}
    assert ada.shared == {shared}
    by_address = await whom(world, shared)
    assert bob not in by_address.identifiers or ADA not in by_address.identifiers


async def test_an_address_that_is_mentioned_in_passing_makes_nobody_the_same(world: World):
    await know(world, leads(CUSTOMER, email("boss@example.com"), firm=False), leads(CUSTOMER, MAIL))
    assert (await whom(world, MAIL)).identifiers == {MAIL, CUSTOMER}
    assert (await whom(world, email("boss@example.com"))).identifiers == {email("boss@example.com")}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ada@example.com", IdentifierKind.EMAIL),
        ("cus_NffrFeUfNV2Hib", IdentifierKind.STRIPE_CUSTOMER),
        ("ch_3Mmlq", IdentifierKind.STRIPE_CHARGE),
        ("64a1b2c3d4e5f60718293a4b", IdentifierKind.ID),
        ("42", IdentifierKind.USER_ID),
    ],
)
def test_what_somebody_types_says_what_it_is(text: str, kind: IdentifierKind):
    assert named(text).kind is kind


NAMES = Names.of(Person(1, frozenset({ADA, MAIL, CUSTOMER, user("7")})))


@pytest.mark.parametrize(
    ("source", "payload", "how"),
    [
        ("segment", {"type": "track", "userId": "ada-77"}, Mention.ABOUT),
        ("segment", {"type": "track", "userId": "bob", "properties": {"email": "ADA@example.com"}}, Mention.IN_PASSING),
        (
            "segment",
            {"type": "track", "anonymousId": "x", "context": {"traits": {"email": MAIL.value}}},
            Mention.IN_PASSING,
        ),
        ("segment", {"type": "track", "userId": "bob", "properties": {"quantity": 7, "page": "7"}}, Mention.NOT),
        ("segment", {"type": "track", "userId": 7}, Mention.ABOUT),
        ("segment", {"type": "track", "userId": "bob", "properties": {"email": "lada@example.com"}}, Mention.NOT),
        ("segment", {"type": "page", "userId": "bob", "url": "/u?mail=ada%40example.com"}, Mention.IN_PASSING),
        ("stripe", {"data": {"object": {"object": "customer", "id": "cus_ADA"}}}, Mention.ABOUT),
        ("stripe", {"data": {"object": {"customer": {"id": "cus_ADA"}}}}, Mention.ABOUT),
        ("stripe", {"data": {"object": {"customer": "cus_ACME", "customer_email": MAIL.value}}}, Mention.IN_PASSING),
        ("stripe", {"data": {"object": {"customer": None, "receipt_email": MAIL.value}}}, Mention.ABOUT),
        ("stripe", {"data": {"object": {"customer": "cus_ADAM"}}}, Mention.NOT),
    ],
)
def test_a_body_is_about_a_person_or_names_them_in_passing(source: str, payload: dict[str, Any], how: Mention):
    for body in (json.dumps(payload).encode(), json.dumps(payload).replace("@", "\\u0040").encode()):
        assert mention(NAMES, source, body) is how
        if how is Mention.IN_PASSING:
            left = redacted(NAMES, body)
            assert mention(NAMES, source, left) is Mention.NOT
            assert json.loads(left).keys() == payload.keys()


async def arrive(world: World, source: str, *payloads: dict[str, Any], stream: str = "") -> list[Any]:
    """Webhooks, mapped by the shipped catalogue."""
    arrivals = []
    for payload in payloads:
        kind = payload["type"]
        shown = f"{kind} {payload['event']}" if "event" in payload else kind
        key = payload.get("id") or payload.get("messageId") or kind
        sent = SourceEvent(source, key, shown, json.dumps(payload).encode(), NOW_S, trust=Trust.SIGNED)
        arrivals.append(Arrival(1, 1, stream or source, sent, world.now))
    await world.do(insert, [arrivals])

    def map_all(connection: Connection) -> list[Any]:
        waiting = store.to_map(connection, limit=100).events
        told = [translation(each, body, RULES, names={}) for each, body in waiting]
        return enqueue(connection, told, now=world.now)

    return list(await world.do(map_all))


INVOICE = {
    "object": "invoice",
    "id": "in_ADA",
    "customer": "cus_ADA",
    "customer_email": MAIL.value,
    "amount_paid": 2900,
    "currency": "usd",
    "status_transitions": {"paid_at": NOW_S},
}
PAID = {"id": "evt_ADA", "object": "event", "type": "invoice.paid", "created": NOW_S, "data": {"object": INVOICE}}
WHO = {"object": "customer", "id": "cus_ADA", "email": MAIL.value, "metadata": {"user_id": ADA.value}}
CREATED = {"id": "evt_C", "object": "event", "type": "customer.created", "created": NOW_S, "data": {"object": WHO}}
ORDER = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m-1",
    "userId": ADA.value,
    "anonymousId": DEVICE.value,
    "properties": {"order_id": "o-1", "revenue": 12.5, "currency": "USD"},
}
BOBS = {
    "id": "evt_B",
    "object": "event",
    "type": "invoice.paid",
    "created": NOW_S,
    "data": {
        "object": INVOICE
        | {"id": "in_B", "customer": "cus_BOB", "customer_name": MAIL.value, "customer_email": "bob@example.com"}
    },
}


async def everywhere(world: World, *texts: str) -> list[str]:
    """The tables in which one of these is still to be read."""

    def look(connection: Connection) -> list[str]:
        found = []
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                for value in row:
                    shown = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    found += [table.name for text in texts if text.lower() in shown.lower()]
        return sorted(set(found))

    return await world.database.read(look)


async def test_nothing_of_a_forgotten_person_is_left_and_nobody_else_is_harmed(world: World):
    await arrive(world, "stripe", CREATED, PAID, BOBS)
    await arrive(world, "segment", ORDER)
    for claimed in await world.claim():
        name = claimed.delivery.identifier.value if claimed.delivery.identifier else ""
        refused = refusal(
            422, "parameter_invalid", f"{name}: {MAIL.value if name == ADA.value else name} is not welcome"
        )
        await world.complete(await world.attempt(claimed, refused))
    assert await everywhere(world, MAIL.value, ADA.value, "cus_ADA", DEVICE.value)
    result = await forget(world.database, 1, MAIL, actor="test")
    assert (result.deliveries, result.events) >= (2, 3)
    assert await everywhere(world, MAIL.value, ADA.value, "cus_ADA", DEVICE.value, "in_ADA") == []
    (bob,) = [row for row in await world.rows(deliveries) if row["identifier_value"] == "bob@example.com"]
    assert bob["state"] in ("due", "dead")
    assert "cus_BOB" in (await _body(world, "evt_B"))
    (entry,) = await world.rows(audit)
    assert (entry["actor"], entry["action"]) == ("test", "people.delete")
    assert json.loads(entry["detail"])["events"] == result.events


async def _body(world: World, external_key: str) -> str:
    (row,) = await world.rows(received_events, external_key=external_key)
    found = await world.database.read(store.find, 1, row["key"])
    assert found is not None
    assert found[1] is not None
    return found[1].decode()


async def test_a_repeated_webhook_a_second_id_of_the_fact_and_a_replay_do_not_bring_them_back(world: World):
    await arrive(world, "stripe", CREATED, PAID)
    before = {row["id"] for row in await world.rows(deliveries)}
    await forget(world.database, 1, MAIL, actor="test")
    world.now += 1000
    assert await arrive(world, "stripe", PAID) == []
    assert await everywhere(world, MAIL.value) == []
    await arrive(world, "stripe", PAID | {"id": "evt_twin"})
    assert {row["id"] for row in await world.rows(deliveries)} == before, "its fact was told already"
    for delivery in before:
        result = await world.do(replay.replay, 1, delivery, now=world.now)
        assert isinstance(result, NotReplayed)
        again = await world.do(replay.replay, 1, delivery, now=world.now, as_new=True)
        assert isinstance(again, NotReplayed)
    (row,) = await world.rows(received_events, external_key="evt_ADA")
    assert await world.do(store.reopen, 1, row["key"]) is False


async def test_what_was_not_delivered_yet_is_given_up_and_a_late_answer_still_counts(world: World):
    delivery = await world.due(MAIL)
    out = await world.attempt(await world.claim_one())
    await forget(world.database, 1, MAIL, actor="test")
    assert await world.state(delivery) == ("discarded", "person_deleted")
    assert await world.claim() == []
    await world.complete(out)
    assert (await world.state(delivery))[0] == "delivered"
    assert isinstance(await world.do(replay.replay, 1, delivery, now=world.now, as_new=True), NotReplayed)


async def test_what_waits_for_them_or_is_parked_goes_too(world: World):
    waiting = await world.due(charge("ch_ADA"))
    await know(world, leads(CUSTOMER, MAIL))
    assert (await world.state(waiting))[0] == "waiting"
    await forget(world.database, 1, charge("ch_ADA"), actor="test")
    assert await world.state(waiting) == ("discarded", "person_deleted")
    assert (await whom(world, MAIL)).identifiers == {MAIL, CUSTOMER}


async def test_somebody_unknown_is_forgotten_without_harm(world: World):
    await arrive(world, "stripe", PAID)
    assert await forget(world.database, 1, email("nobody@example.com"), actor="test") == Forgotten()
    assert await forget(world.database, 2, MAIL, actor="test") == Forgotten(), "of another workspace"
    assert MAIL.value in await _body(world, "evt_ADA")


async def test_the_dossier_holds_everything_and_says_what_is_in_passing(world: World):
    await arrive(world, "stripe", CREATED, PAID, BOBS)
    found = await dossier(world.database, 1, MAIL)
    assert {(each.type, each.mention) for each in found.bodies} == {
        ("customer.created", Mention.ABOUT),
        ("invoice.paid", Mention.ABOUT),
        ("invoice.paid", Mention.IN_PASSING),
    }
    assert all(each.delivery.identifier is not None for each in found.deliveries if each.theirs)
    assert len(found.statements) >= 2


async def test_a_trusted_delete_of_segments_forgets_the_user_and_its_own_message(world: World, told: list[Any]):
    await arrive(world, "segment", ORDER)
    await arrive(world, "segment", {"type": "delete", "userId": ADA.value, "messageId": "d-1"})
    (row,) = await world.rows(received_events, external_key="d-1")
    assert (row["state"], row["reason"]) == ("ignored", "deletes_a_person")
    await _do_what_was_asked(world, told)
    assert await everywhere(world, ADA.value, DEVICE.value) == []
    (fact,) = told
    assert isinstance(fact, PersonForgotten)
    assert (fact.asked_by, fact.deliveries) == ("segment", 1)


async def test_a_delete_that_rides_along_in_a_batch_deletes_nobody(world: World, told: list[Any]):
    await arrive(world, "segment", ORDER)
    body = json.dumps({"type": "delete", "userId": ADA.value}).encode()
    sent = SourceEvent("segment", "d-2", "delete", body, NOW_S, trust=Trust.UNSIGNED)
    await world.do(insert, [[Arrival(1, 1, "segment", sent, NOW)]])
    await arrive(world, "segment")
    await _do_what_was_asked(world, told)
    assert told == []
    assert "bodies" in await everywhere(world, ADA.value)


async def _do_what_was_asked(world: World, told: list[Any]) -> None:
    forgetting = Forgetting(world.database, told.append)
    forgetting.soon()
    await forgetting._task  # type: ignore[misc]
    await forgetting.close()


async def test_pages_are_walked_to_their_end(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("connector.people.records.PAGE", 2)
    orders: Sequence[dict[str, Any]] = [
        ORDER | {"messageId": f"m-{n}", "properties": {"order_id": n}} for n in range(7)
    ]
    await arrive(world, "segment", *orders)
    await world.map(event(user("bob")))
    result = await forget(world.database, 1, ADA, actor="test")
    assert (result.events, result.deliveries) == (7, 7)
    assert len(await world.rows(bodies)) == 1
