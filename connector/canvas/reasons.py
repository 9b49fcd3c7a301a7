"""Why an event did not arrive, as one sentence for the people of a workspace.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connector.outbox.delivery import State
from connector.outbox.reasons import DELIVERY_REASONS

SENTENCES: Final[Mapping[str, str]] = {
    "watching": "this workspace is watching, and sends nothing yet.",
    "not_listed": "this contact is not on the list that the app is tried with.",
    "sample": "a sample that did not reach Intercom.",
    "workspace_removed": "the app was removed from this workspace.",
    "uninstalled": "the app was removed before it could be sent.",
    "contact_unknown": "nobody is known yet whom it is for.",
    "contact_ambiguous": "it could be for several people, and none is picked by guessing.",
    "no_contact_in_event": "it does not say whom it is for.",
    "no_free_second": "too many events of this name happened in the same hour.",
    "name_stopped": "events of this name are not sent at the moment.",
    "event_names_full": "Intercom takes no more names of events for this workspace.",
    "quarantined": "it was set aside after it failed in an unusual way.",
    "ambiguous_contact": "several contacts share this address.",
    "by_operator": "it was given up by whoever runs the app.",
    "too_old": "it had happened too long ago to be sent.",
    "for_summary": "it happened long ago, and is told to Intercom in a count.",
    "in_summary": "it happened long ago, and is in a count on its way to Intercom.",
    "gave_up": "Intercom did not take it for three days.",
}
BY_STATE: Final[Mapping[State, str]] = {
    State.PARKED: "Intercom does not know this contact yet.",
    State.DEAD: "Intercom refused it.",
}


def why(state: State, reason: str | None) -> str | None:
    """The sentence; None where the state says it all."""
    if reason is None:
        return BY_STATE.get(state)
    if sentence := SENTENCES.get(reason):
        return sentence
    if reason in DELIVERY_REASONS:
        return _after_a_colon(DELIVERY_REASONS[reason].what)
    return BY_STATE.get(state)


def _after_a_colon(sentence: str) -> str:
    """The first sentence, small at its beginning unless it begins with a name."""
    first = sentence.split(". ")[0].rstrip(".") + "."
    return first if first.startswith(("Intercom", "Stripe", "Segment")) else first[:1].lower() + first[1:]
