"""What the card shows, as Canvas Kit's components: the latest events, one event's details, every other state.  Pure.

As Intercom's guidelines want it: no more than 400 pixels at first, no primary button there, link buttons at the
bottom, empty and error states in muted text without a dead end. The card shows and links; it asks for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from connector.appstore.words import moment, title
from connector.canvas.height import LIMIT, height
from connector.canvas.reasons import why
from connector.canvas.values import Locale, lines, price
from connector.outbox.delivery import Delivery, State

FIRST, MORE = 3, 10
EVENT = "event-"
MORE_ID, HOME_ID = "more", "home"
DETAILS = 10
LINKS = 2

Component: TypeAlias = dict[str, Any]

STATES = {
    State.DELIVERED: "Delivered",
    State.DUE: "On its way",
    State.HELD: "Held",
    State.WAITING: "Waiting",
    State.PARKED: "Waiting",
    State.DEAD: "Not delivered",
    State.DISCARDED: "Given up",
}


def canvas(components: Sequence[Component]) -> dict[str, Any]:
    """The answer."""
    return {"canvas": {"content": {"components": list(components)}}}


def first(
    found: Sequence[Delivery], locale: Locale, *, setup: str | None, note: str | None = None, in_step: str | None = None
) -> list[Component]:
    """The card as it opens: as many of the latest events as fit, and how the endpoints stand."""
    if not found:
        return empty(setup, note, in_step)
    for count in range(min(FIRST, len(found)), 0, -1):
        more = len(found) > count
        components = _latest(found[:count], locale, more=more, setup=setup, note=note, in_step=in_step)
        if height(components) <= LIMIT:
            return components
    components = _latest(found[:1], locale, more=True, setup=setup, note=note)
    return components if height(components) <= LIMIT else _latest(found[:1], locale, more=True, setup=setup, note=None)


def more(found: Sequence[Delivery], locale: Locale) -> list[Component]:
    """Up to ten events, and the way back."""
    if not found:
        return empty(None, None)
    return [_list(found[:MORE], locale), _link("Back", HOME_ID)]


def details(delivery: Delivery, locale: Locale) -> list[Component]:
    """One event: its state in words, its metadata, and where it stands at Stripe."""
    shown = lines(delivery.metadata, locale)[:DETAILS]
    table = [{"type": "field-value", "field": each.field, "value": each.value or "–"} for each in shown]
    links = [each for each in shown if each.url][:LINKS]
    return [
        _text(title(delivery.name), style="header"),
        _text(moment(delivery.created_at, locale.time_zone), style="muted"),
        _text(state_in_words(delivery, locale)),
        *([{"type": "data-table", "items": table}] if table else []),
        *(_link(_label(each.field, each.value), f"link-{place}", url=each.url) for place, each in enumerate(links)),
        _link("Back", HOME_ID),
    ]


def empty(setup: str | None, note: str | None, in_step: str | None = None) -> list[Component]:
    """There is nothing yet."""
    said = [_text("No events for this contact yet.", style="muted")]
    said.append(_text(note or "They appear here as Stripe and Segment send them.", style="muted"))
    return [*said, *_foot(in_step), *_setup(setup)]


def trouble(what: str, *, label: str | None = None, url: str | None = None) -> list[Component]:
    """Something is not as it should be: what, and where to mend it."""
    said = [_text(what, style="muted")]
    if label and url:
        return [*said, _link(label, "mend", url=url)]
    return [*said, _link("Try again", HOME_ID)]


def state_in_words(delivery: Delivery, locale: Locale) -> str:
    """The state, and in a sentence why it is so."""
    said = STATES[delivery.state]
    if delivery.state is State.DELIVERED and delivery.delivered_at is not None:
        return f"{said} {moment(delivery.delivered_at // 1000, locale.time_zone)}"
    sentence = why(delivery.state, delivery.reason)
    return f"{said}: {sentence}" if sentence else said


def _latest(
    found: Sequence[Delivery],
    locale: Locale,
    *,
    more: bool,
    setup: str | None,
    note: str | None,
    in_step: str | None = None,
) -> list[Component]:
    return [
        *([_text(note, style="muted")] if note else []),
        _list(found, locale),
        *([_link("Show more", MORE_ID)] if more else []),
        *_foot(in_step),
        *_setup(setup),
    ]


def _list(found: Sequence[Delivery], locale: Locale) -> Component:
    return {"type": "list", "items": [_item(each, locale) for each in found]}


def _item(delivery: Delivery, locale: Locale) -> Component:
    sum_ = price(delivery.metadata, locale)
    said = title(delivery.name)
    item = {
        "type": "item",
        "id": EVENT + delivery.id.hex(),
        "title": f"{said} · {sum_}" if sum_ else said,
        "subtitle": moment(delivery.created_at, locale.time_zone),
        "action": {"type": "submit"},
    }
    if delivery.state is not State.DELIVERED:
        item["tertiary_text"] = state_in_words(delivery, locale)
    return item


def _foot(in_step: str | None) -> list[Component]:
    return [_text(in_step, style="muted")] if in_step else []


def _setup(url: str | None) -> list[Component]:
    return [_link("Open set-up", "setup", url=url)] if url else []


def _label(field: str, value: str) -> str:
    return value if value.lower().startswith("open ") else f"Open {field.lower()}"


def _text(text: str, *, style: str = "paragraph") -> Component:
    return {"type": "text", "text": _plain(text), "style": style, "align": "left"}


def _plain(text: str) -> str:
    """Without what Canvas Kit takes for markdown: names come from senders."""
    return "".join(f"\\{char}" if char in "[]*_`" else char for char in text)


def _link(label: str, id_: str, *, url: str | None = None) -> Component:
    action = {"type": "url", "url": url} if url else {"type": "submit"}
    return {"type": "button", "id": id_, "label": label[:60], "style": "link", "action": action}
