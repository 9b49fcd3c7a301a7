"""Why an event did not arrive, as one sentence for the people of a workspace.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connector.outbox.delivery import State

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
    "name_stopped": "Intercom takes no more events of this name.",
    "quarantined": "it was set aside after it failed in an unusual way.",
    "ambiguous_contact": "several contacts share this address.",
    "by_operator": "it was given up by whoever runs the app.",
    "too_old": "it had happened too long ago to be sent.",
    "gave_up": "Intercom did not take it for three days.",
}
BY_STATE: Final[Mapping[State, str]] = {
    State.PARKED: "Intercom does not know this contact yet.",
    State.DEAD: "Intercom refused it.",
}


def why(state: State, reason: str | None) -> str | None:
    """The sentence; None where the state says it all."""
    if reason is not None and (sentence := SENTENCES.get(reason)):
        return sentence
    return BY_STATE.get(state)
