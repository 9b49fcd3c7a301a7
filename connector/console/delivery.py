"""/console/deliveries/{id}: the whole story of one Intercom event, and the buttons that set it going again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from connector import strict_json
from connector.console import search
from connector.console.access import Route, Visit
from connector.console.body import Body, shown_body
from connector.console.roles import Role
from connector.errors import UsageError
from connector.events import Key
from connector.mapping.entry import Entry
from connector.mapping.explain import Row, explain
from connector.mapping.proposal.tracing import traced
from connector.mapping.translate import translate
from connector.names import Names
from connector.outbox import history, reasons, verbs
from connector.outbox.delivery import FINAL, State
from connector.outbox.history import Story
from connector.outbox.selection import Selection
from connector.outbox.story import VERIFIED
from connector.outbox.translation import Rules, source_event
from connector.outbox.verbs import Verb

VERBS: Final[Mapping[str, Verb]] = {
    "replay": verbs.replay_one,
    "replay-as-new": verbs.replay_as_new,
    "discard": verbs.discard_one,
    "release": verbs.release_one,
    "wake": verbs.wake_one,
}


@dataclass(frozen=True, slots=True)
class Looked:
    """A delivery with everything that its page tells."""

    story: Story
    entry: Entry | None
    same_mapping: bool
    sources: Mapping[str, Row]
    body: Body | None


class OneDelivery:
    """Its page and its buttons."""

    def routes(self) -> list[Route]:
        """GET /console/deliveries/{id}, and POST for each verb."""
        acts = [Route("POST", f"/console/deliveries/{{id}}/{verb}", Role.OPERATOR, self._act) for verb in VERBS]
        return [Route("GET", "/console/deliveries/{id:[0-9a-f]{32}}", Role.VIEWER, self._show), *acts]

    async def _show(self, visit: Visit) -> web.StreamResponse:
        key = search.key(visit.request.match_info["id"])
        story = await visit.parts.database.read(history.story, visit.workspace_id, key)
        if story is None:
            return await _gone(visit, key)
        looked = await _look(visit, story)
        delivery = story.delivery
        return visit.show(
            "delivery.html",
            delivery.name,
            looked=looked,
            story=story,
            delivery=delivery,
            meaning=reasons.of_delivery(delivery.state, delivery.reason),
            verified=VERIFIED,
            buttons=buttons(story) if visit.role.may(Role.OPERATOR) else (),
            final=delivery.state in FINAL,
            now=visit.parts.now(),
            refused=visit.query.get("refused") == "1",
        )

    async def _act(self, visit: Visit) -> web.StreamResponse:
        key = search.key(visit.request.match_info["id"])
        verb = visit.request.path.rpartition("/")[2]
        database, now = visit.parts.database, visit.parts.now()
        wanted = Selection(visit.workspace_id, one=key)
        acted = await database.transact(verbs.act, VERBS[verb], wanted, [(visit.workspace_id, key)], now=now)
        if not acted:
            raise UsageError("There is no such delivery any more. If it was replayed, its event is being mapped again.")
        (result,) = acted
        await visit.audited(f"deliveries.{verb}", delivery=key.hex(), done=result.done, why=result.why)
        visit.parts.received()
        visit.parts.queued()
        if not result.done:
            raise UsageError(f"Nothing was done: {result.why}.")
        return visit.go(f"/console/deliveries/{result.id.hex()}", done=_done(verb, result.how))


def _done(verb: str, how: str | None) -> str:
    return how if how in ("translated_afresh", "same_identity") else verb.removesuffix("-as-new")


async def _gone(visit: Visit, key: Key) -> web.StreamResponse:
    """A replay forgets a delivery until its event is mapped again, which takes a moment; its page waits for that."""
    if visit.query.get("done") not in ("translated_afresh", "replay"):
        raise UsageError("there is no such delivery in this workspace")
    return visit.show("mapping_again.html", "Mapped again", key=key)


def buttons(story: Story) -> tuple[str, ...]:
    """What can be done about a delivery, the likeliest first."""
    match story.delivery.state:
        case State.DELIVERED:
            return ("replay-as-new",)
        case State.DEAD:
            return ("replay", "discard")
        case State.DISCARDED:
            return ("replay",)
        case State.HELD:
            return ("release", "discard", "replay")
        case State.PARKED:
            return ("wake", "discard", "replay")
        case State.DUE:
            return ("wake", "discard")
        case State.WAITING:
            return ("replay", "discard")


async def _look(visit: Visit, story: Story) -> Looked:
    delivery = story.delivery
    rules = visit.parts.mappings.rules()(visit.parts.directory.workspace(delivery.workspace_id))
    entry = next((each for each in rules.catalog.entries if each.id == delivery.mapping_id), None)
    names = await visit.parts.database.read(Names().of, delivery.workspace_id)
    sources = {row.key: row for row in explain(entry).rows} if entry else {}
    same = rules.digest == delivery.mapping_digest
    return Looked(story, entry, same, sources, _body(story, entry, rules, names))


def _body(story: Story, entry: Entry | None, rules: Rules, names: Mapping[str, str]) -> Body | None:
    """What came, with what today's entry looks at in it marked."""
    if story.body is None or story.received is None:
        return None
    if entry is None:
        return shown_body(story.body)
    try:
        payload = traced(strict_json.parse_object(story.body))
        received_at = story.received.received_at // 1000
        event = source_event(story.received)
        translate(event, payload, entry, received_at=received_at, names=names.get, options=rules.options)
    except Exception:  # noqa: BLE001 - marks are a help; what cannot be marked is shown without
        return shown_body(story.body)
    return shown_body(story.body, payload)
