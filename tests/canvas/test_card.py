"""The card: what it says in every state, how tall it is, and that it is found by steps along keys."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.canvas import card, latest
from connector.canvas.height import LIMIT, height
from connector.canvas.in_step import in_step
from connector.canvas.person import Person, asked
from connector.canvas.reasons import SENTENCES
from connector.canvas.standing import BACKFILLS, ENDPOINTS, STATES, Endpoint, History, Standing
from connector.canvas.values import Locale, lines, money, price
from connector.database.engine import Database, Postgres
from connector.events import Identifier, IdentifierKind
from connector.outbox.delivery import Delivery, State
from connector.outbox.reasons import DELIVERY_REASONS
from tests.outbox.world import World, email, event, user

LOCALE = Locale("America/New_York", "en")
LONG_FOOT = in_step(
    Standing(
        tuple(
            Endpoint("stripe", "a label of some length", 1_546_970_700_000, 1_546_900_000_000, 3, trouble=True)
            for _ in range(4)
        ),
        History(0.621, 123_456, 1_546_970_700_000),
    ),
    Locale("America/New_York", "en"),
    now=1_547_000_000_000,
)
"""As much as there is ever to say of how endpoints stand."""
SETUP = "https://connector.mycompany.io/setup/enter/" + "x" * 400


def delivery(number: int = 1, **changes: Any) -> Delivery:
    made = Delivery(
        workspace_id=1,
        id=number.to_bytes(16),
        received_key=number.to_bytes(16),
        mapping_id="stripe:paid-invoice",
        mapping_digest="d",
        generation=0,
        name="paid-invoice",
        created_at=1_546_970_700 - number,
        contact_json=json.dumps([["user_id", "ada"]]),
        identifier=user(),
        metadata_json=json.dumps(
            {"price": {"amount": 2900, "currency": "usd"}, "stripe_invoice": "in_1", "paid_date": 1_546_970_700}
        ),
        notes_json="[]",
        state=State.DELIVERED,
        reason=None,
        mapped_at=1,
        updated_at=1,
        delivered_at=1_546_970_701_000,
    )
    return msgspec.structs.replace(made, **changes)


def test_the_first_card_shows_name_sum_and_an_absolute_date_in_the_workspaces_time_zone():
    (listed, setup) = card.first([delivery()], LOCALE, setup=SETUP)
    assert listed["items"][0]["title"] == "Paid invoice · $29.00"
    assert listed["items"][0]["subtitle"] == "Jan 8, 2019 at 1:04PM"
    assert "tertiary_text" not in listed["items"][0]
    assert setup == {"type": "button", "id": "setup", "label": "Open set-up", "style": "link",
                     "action": {"type": "url", "url": SETUP}}  # fmt: skip


@pytest.mark.parametrize("reason", [None, *sorted(SENTENCES)])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 11])
@pytest.mark.parametrize("note", [None, "Trying: only listed contacts get events."])
@pytest.mark.parametrize("foot", [None, LONG_FOOT], ids=["no_foot", "long_foot"])
def test_the_first_card_is_never_taller_than_intercom_allows(
    count: int, reason: str | None, note: str | None, foot: str | None
):
    found = [
        delivery(number, name="a-name-as-long-as-names-ever-get-" * 4, state=State.DEAD, reason=reason)
        for number in range(count)
    ]
    for each in (found, [delivery(number) for number in range(count)]):
        components = card.first(each, LOCALE, setup=SETUP, note=note, in_step=foot)
        assert height(components) <= LIMIT
        assert all(part.get("style") != "primary" for part in components)


def test_as_many_events_as_fit_are_shown_and_a_link_leads_to_the_others():
    components = card.first([delivery(number) for number in range(5)], LOCALE, setup=SETUP)
    assert [len(part["items"]) for part in components if part["type"] == "list"] == [3]
    assert [part["label"] for part in components if part["type"] == "button"] == ["Show more", "Open set-up"]
    assert len(card.more([delivery(number) for number in range(12)], LOCALE)[0]["items"]) == 10


def test_links_are_link_buttons_at_the_bottom_and_no_state_is_a_dead_end():
    states = [
        card.first([delivery()], LOCALE, setup=SETUP),
        card.more([delivery()], LOCALE),
        card.details(delivery(), LOCALE),
        card.empty(SETUP, None),
        card.trouble("It is away."),
        card.trouble("Not installed.", label="Install it", url="https://x.example"),
    ]
    for components in states:
        kinds = [part["type"] for part in components]
        buttons = [part for part in components if part["type"] == "button"]
        assert buttons, kinds
        assert kinds[-len(buttons) :] == ["button"] * len(buttons)
        assert all(button["style"] == "link" for button in buttons)
        assert not {"image", "input", "textarea"} & set(kinds)


def test_empty_and_error_states_are_muted_text():
    for components in (card.empty(SETUP, None), card.trouble("It is away.")):
        assert all(part["style"] == "muted" for part in components if part["type"] == "text")


def test_details_show_everything_for_people_and_link_to_stripe():
    components = card.details(delivery(), LOCALE)
    (table,) = [part for part in components if part["type"] == "data-table"]
    shown = {item["field"]: item["value"] for item in table["items"]}
    assert shown == {"Price": "$29.00", "Invoice": "in_1", "Paid": "Jan 8, 2019"}
    links = [part["action"]["url"] for part in components if part["type"] == "button" and "url" in part["action"]]
    assert links == ["https://dashboard.stripe.com/invoices/in_1"]


def test_a_test_event_links_to_the_test_side_of_stripe():
    metadata = {
        "stripe_customer": "cus_1",
        "subscription": {"url": "https://dashboard.stripe.com/test/subscriptions/sub_1", "value": "Open in Stripe"},
    }
    urls = [each.url for each in lines(metadata, LOCALE)]
    assert urls[0] == "https://dashboard.stripe.com/test/customers/cus_1"


@pytest.mark.parametrize("state", State)
def test_each_state_is_said_in_words(state: State):
    said = card.state_in_words(delivery(state=state, delivered_at=None), LOCALE)
    assert said
    assert "_" not in said


@pytest.mark.parametrize("reason", DELIVERY_REASONS)
def test_each_reason_of_the_outbox_is_a_sentence_without_commands(reason: str):
    said = card.state_in_words(delivery(state=State.DEAD, reason=reason), LOCALE)
    assert said.startswith("Not delivered: ")
    assert said.endswith(".")
    assert "`" not in said


def test_money_is_exact_in_every_currency():
    assert money({"amount": 50000, "currency": "jpy"}, LOCALE) == "¥500"
    assert money({"amount": 1999, "currency": "eur"}, Locale("UTC", "de")) == "19,99\u00a0€"
    assert price({"price_amount": -5.5, "price_currency": "usd"}, LOCALE) == "-$5.50"
    assert money({"amount": True, "currency": "usd"}, LOCALE) is None
    assert price({}, LOCALE) is None


def test_what_senders_write_is_no_markup():
    (title, *_) = card.details(delivery(name="[x](https://evil.example) *b*"), LOCALE)
    assert title["text"] == "\\[x\\](https://evil.example) \\*b\\*"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["contact", "customer", "admin", "component_id", "workspace_id"]), JSON))
def test_a_request_of_any_shape_is_read(sent: dict[str, Any]):
    found = asked(sent)
    assert all(0 < len(each.value) <= 255 for each in found.person.identifiers)


def test_contact_and_customer_are_both_taken():
    for name in ("contact", "customer"):
        person = asked({name: {"id": "1", "external_id": "u", "email": "a@b.c"}}).person
        assert [each.kind for each in person.identifiers] == ["id", "user_id", "email"]


async def test_a_contacts_latest_events_come_first_whatever_their_names(database: Database):
    world = World(database)
    await world.add_workspace()
    for number in range(30):
        await world.map(event(user(), email(), name=f"name-{number % 7}", at=1_763_680_000 + number))
    found = await database.read(latest.latest, 1, Person(user_id="ada", email="ADA@example.com"), most=5)
    assert [each.created_at - 1_763_680_000 for each in found] == [29, 28, 27, 26, 25]


async def test_who_shares_an_address_does_not_see_the_others_events(database: Database):
    world = World(database)
    await world.add_workspace()
    await world.map(event(user("ada"), email("office@example.com")))
    await world.map(event(email("office@example.com"), name="opened-dispute"))
    other = Person(id="9", user_id="bob", email="office@example.com")
    found = await database.read(latest.latest, 1, other, most=5)
    assert [each.name for each in found] == ["opened-dispute"]
    (theirs,) = await database.read(latest.latest, 1, Person(user_id="ada"), most=5)
    assert await database.read(latest.one, 1, other, theirs.id) is None


async def test_another_workspaces_events_are_never_found(database: Database):
    world = World(database)
    await world.add_workspace()
    await world.add_workspace(2)
    await world.map(event(user()))
    (mine,) = await database.read(latest.latest, 1, Person(user_id="ada"), most=5)
    assert await database.read(latest.latest, 2, Person(user_id="ada"), most=5) == []
    assert await database.read(latest.one, 2, Person(user_id="ada"), mine.id) is None


async def test_an_event_that_waits_for_nobody_known_is_on_the_card_of_whom_it_wants(database: Database):
    world = World(database)
    await world.add_workspace()
    wanted = Identifier(IdentifierKind.STRIPE_CUSTOMER, "cus_1")
    await world.map(event(wanted))
    assert await database.read(latest.latest, 1, Person(user_id="ada"), most=5) == []


async def test_the_card_is_found_by_steps_along_keys_and_never_by_reading_tables(database: Database):
    """The plan, because a test asserts on no seconds: what is found by keys takes as long with a million rows."""
    world = World(database)
    await world.add_workspace()
    for number in range(200):
        await world.map(event(user(f"u{number}"), name=f"name-{number % 5}"))
    given = {"the_workspace": 1, "who": user("u7").key, "name": b"n" * 16, "most": 10}
    for query in (latest.NAMES, latest.ROWS, latest.WAITING):
        plan = await database.read(explained, query, given)
        assert "seconds" not in plan or "SCAN seconds" not in plan
        assert "Seq Scan on seconds" not in plan
        assert "SCAN wanted" not in plan
        assert "TEMP B-TREE FOR ORDER BY" not in plan
        if not isinstance(database, Postgres):
            assert "SEARCH" in plan
    for query in (ENDPOINTS, STATES, BACKFILLS):
        plan = await database.read(explained, query, {"the_workspace": 1})
        assert "Seq Scan" not in plan
        assert "SCAN" not in plan.replace("Index Scan", "").replace("Bitmap Heap Scan", "")
        assert "TEMP B-TREE" not in plan


def explained(connection: Any, query: Any, given: dict[str, Any]) -> str:
    import sqlalchemy as sa

    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL enable_seqscan = off"))  # a table of 200 rows is read whole otherwise
        compiled = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": False}))
        return "\n".join(
            str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {compiled}", _args(query, given, connection))
        )
    compiled = query.compile(dialect=connection.dialect)
    values = tuple(compiled.construct_params(given)[name] for name in compiled.positiontup)
    return "\n".join(str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values))


def _args(query: Any, given: dict[str, Any], connection: Any) -> tuple[Any, ...]:
    compiled = query.compile(dialect=connection.dialect)
    return tuple(compiled.construct_params(given)[name] for name in compiled.positiontup)


def test_a_request_as_intercom_documents_it_is_read():
    sent = {
        "workspace_id": "acme",
        "workspace_region": "US",
        "admin": {"type": "admin", "id": "814", "name": "Ada"},
        "conversation": {"type": "conversation", "id": "215", "conversation_parts": {}},
        "contact": {"type": "contact", "id": "5ba682d23d7cf92bef87bfd4", "external_id": None, "email": "a@b.example"},
    }
    found = asked(json.loads(json.dumps(sent)))
    assert found.person == Person("5ba682d23d7cf92bef87bfd4", None, "a@b.example")
    assert (found.admin_id, found.component) == ("814", None)
