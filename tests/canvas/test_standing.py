"""The foot of the card: how each endpoint stands, and how far history is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.canvas import card
from connector.canvas.in_step import in_step
from connector.canvas.standing import Endpoint, History, Standing, standing
from connector.canvas.values import Locale
from connector.database.engine import Database
from connector.sync import backfills, state
from connector.sync.backfills import Request
from connector.sync.state import Place
from connector.workspaces import endpoints
from connector.workspaces.endpoints import NewEndpoint
from connector.workspaces.vault import Key, Vault, new_key
from tests.outbox.world import World

LOCALE = Locale("America/New_York", "en")
NOW = 1_546_970_700_000
MINUTE, HOUR = 60_000, 3_600_000
GOOD = Endpoint("stripe", "billing", NOW, NOW - MINUTE)


def said(*found: Endpoint, history: History | None = None) -> str | None:
    return in_step(Standing(found, history), LOCALE, now=NOW)


def test_what_is_as_it_should_be_takes_half_a_line():
    assert said(GOOD) == "Stripe: last webhook Jan 8, 2019 at 1:05PM"
    assert said(Endpoint("segment", "web")) == "Segment: no webhook yet"
    assert said() is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"gaps": 1}, "; 1 gap"),
        ({"gaps": 3}, "; 3 gaps"),
        ({"compared_until": NOW - 2 * HOUR}, "; compared up to Jan 8, 2019 at 11:05AM"),
        ({"compared_until": NOW - HOUR}, ""),
        ({"trouble": True}, "; compared up to Jan 8, 2019 at 1:04PM"),
        ({"trouble": True, "compared_until": None}, "; compared never yet"),
    ],
)
def test_what_is_not_is_said_with_the_time_up_to_which_nothing_is_missed(changed, words):
    assert said(replace(GOOD, **changed)) == f"Stripe: last webhook Jan 8, 2019 at 1:05PM{words}"


def test_the_endpoints_that_need_looking_after_come_first_and_the_others_are_counted():
    lines = (said(*(replace(GOOD, label=str(n)) for n in range(3)), replace(GOOD, label="bad", gaps=1)) or "").split(
        "\n"
    )
    assert lines[0].startswith("Stripe (bad): ")
    assert lines[-1] == "And 2 more endpoints."


def test_history_says_how_far_it_is_and_when_it_stopped():
    assert said(history=History(0.621, 12_300, NOW)) == "History: 62%, 12,300 events so far."
    stopped = said(history=History(0.9999, 1, NOW - HOUR))
    assert stopped == "History: stopped at 99%, 1 event, Jan 8, 2019 at 12:05PM."


def test_it_stands_at_the_foot_of_the_card_in_muted_text():
    shown = card.first([], LOCALE, setup="https://connector.mycompany.io/setup", in_step=said(GOOD))
    assert [part.get("text", part.get("label")) for part in shown][-2:] == [said(GOOD), "Open set-up"]
    assert shown[-2]["style"] == "muted"


async def test_it_is_read_from_what_endpoints_and_backfills_have_noted(database: Database):
    await World(database).add_workspace()
    vault = Vault([Key.parse(new_key())])

    def note(connection):
        made = endpoints.add(connection, vault, NewEndpoint(1, "stripe", signing_secret="whsec_1"), now=1)
        endpoints.add(connection, vault, NewEndpoint(1, "segment", signing_secret="shared"), now=1)
        for livemode, at in ((True, 5_000), (False, 9_000)):
            place = Place(1, made.id, livemode)
            state.note_webhooks(connection, {place: at})
            state.save_progress(connection, place, until=at - 1_000, listed=1, found=0)
            state.save_gap(connection, place, (1_000, 2_000), now=1)
        state.save_trouble(connection, Place(1, made.id, True), "no permission", now=1)
        for path, position in (("old", 0.1), ("new", 0.5)):
            request = Request(1, made.id, "file", 0, None, path=path)
            backfills.begin(connection, request, now=1)
            now = 10 if path == "old" else 20
            backfills.advance(connection, request, {"position": position}, read=7, new=7, skipped=0, now=now)
        done = Request(1, made.id, "file", 0, None, path="done")
        backfills.begin(connection, done, now=1)
        backfills.finish(connection, done, now=99)

    await database.transact(note)
    found = await database.read(standing, 1)
    by_source = {each.source: each for each in found.endpoints}
    stripe = by_source["stripe"]
    assert (stripe.last_webhook_at, stripe.gaps, stripe.trouble) == (9_000, 2, True)
    assert by_source["segment"].last_webhook_at is None
    assert found.history == History(0.5, 7, 20)
    assert await database.read(standing, 2) == Standing()
