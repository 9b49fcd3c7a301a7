"""What each state and reason means, and what to do about it: one table for the command line, the docs and the pages.

Pure. A reason is a short, stable word in a row; a person reads its sentence. A test looks through the code for words
that are missing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connector.events import ReceivedState
from connector.outbox.delivery import State


@dataclass(frozen=True, slots=True)
class Meaning:
    """A sentence for people, and what to do; `remedy` is None where there is nothing to do."""

    what: str
    remedy: str | None = None


DELIVERY_STATES: Mapping[State, Meaning] = {
    State.WAITING: Meaning("Nobody is known yet whom it is for.", "It goes on by itself once a later event tells."),
    State.HELD: Meaning("It is kept back until somebody lets it go.", "`connector deliveries release`."),
    State.DUE: Meaning("It is queued: in flight, or to be tried at its time."),
    State.PARKED: Meaning("Intercom does not know its contact yet.", "It goes on by itself when the contact appears."),
    State.DELIVERED: Meaning("Intercom has accepted it."),
    State.DEAD: Meaning("It was refused or given up.", "`connector deliveries replay`, once the cause is mended."),
    State.DISCARDED: Meaning("An operator gave it up.", "`connector deliveries replay` takes that back."),
}

DELIVERY_REASONS: Mapping[str, Meaning] = {
    "contact_unknown": Meaning(
        "The event names nobody that Intercom takes, and no other event has told whose it is.",
        "Nothing, if such an event is still to come. Otherwise give the mapping's `contact` another rule, and replay.",
    ),
    "contact_ambiguous": Meaning(
        "What other events told leads to several people, and none of them is picked by chance.",
        "Give the mapping's `contact` a rule that names one person, and replay.",
    ),
    "no_contact_in_event": Meaning(
        "No rule of the mapping's `contact` found anything in the event.",
        "Give the mapping's `contact` a rule that does (`connector mappings try EVENT` shows it), and replay.",
    ),
    "watching": Meaning(
        "It came while its workspace was watching: mapped, shown, not sent.",
        "`connector workspaces go-live APP_ID --from TIME`, or `connector deliveries release` for some.",
    ),
    "not_listed": Meaning(
        "Its workspace sends to listed contacts only, and its contact is not one.",
        "`connector workspaces try APP_ID --contact …`, or go live.",
    ),
    "too_old": Meaning(
        "It happened longer ago than CONNECTOR_MAX_AGE allows; a late event can set off automatic messages.",
        "`connector deliveries release --reason too_old` sends it all the same.",
    ),
    "for_summary": Meaning(
        "It is older than Intercom lists, and goes there in a count (`connector backfill --summaries`).",
        "Nothing while that backfill runs; begun again, it goes on. `connector deliveries release` sends an event.",
    ),
    "in_summary": Meaning(
        "It is in a count that is on its way to Intercom, and may have arrived.",
        "Nothing while the backfill runs. If it was killed, say the same command again: it asks Intercom.",
    ),
    "summary_no_user": Meaning(
        "It was to be counted, and Intercom counts only for a user with a user_id that it knows.",
        "Give the contact one and say the backfill again, or `connector deliveries release` it as an event.",
    ),
    "summary_refused": Meaning(
        "It was to be counted, and Intercom refused the count; its words stand beside the attempt.",
        "Mend it and say the backfill again, or `connector deliveries release` it as an event.",
    ),
    "summary_in_doubt": Meaning(
        "It was in a count whose answer never came, and nobody can tell whether Intercom has counted it.",
        "Look at the contact in Intercom. If it is there, `connector deliveries discard`; if not, `… release` sends "
        "it as an event.",
    ),
    "unknown_workspace": Meaning(
        "Its workspace is not known.", "Add it: `connector workspaces add`. Then `connector deliveries release`."
    ),
    "workspace_removed": Meaning(
        "Its workspace was removed.", "Add it again (`connector workspaces add`), then `connector deliveries release`."
    ),
    "no_contact": Meaning(
        "Intercom does not know the contact. It is tried again after 1 min, 10 min, 1 h, 6 h and 24 h, and when the "
        "contact appears.",
        "Nothing, or create the contact in Intercom.",
    ),
    "refused": Meaning(
        "Intercom refused it for good; its words stand beside the attempt.",
        "Mend the mapping by those words, then `connector deliveries replay`.",
    ),
    "gave_up": Meaning(
        "Intercom could not be reached, or had trouble, for 72 hours of trying.",
        "`connector deliveries replay` once Intercom answers.",
    ),
    "unknown_answer": Meaning(
        "Intercom answered five times in a way that means nothing to us.",
        "Look at the attempts; `connector deliveries replay` tries again.",
    ),
    "ambiguous_contact": Meaning(
        "Intercom has several contacts with this address.",
        "Merge them in Intercom, or let the mapping name the contact by user_id; then `connector deliveries replay`.",
    ),
    "no_free_second": Meaning(
        "Every second within an hour is taken by other events of this contact and name, which Intercom would take it "
        "for.",
        "Nothing can be done for this one. Should one fact make so many events, give the mapping a `once`.",
    ),
    "quarantined": Meaning(
        "The process died three times while it tried this one, which is tried no more.",
        "Report it with its id. `connector deliveries replay` tries it again.",
    ),
    "name_stopped": Meaning(
        "Its event name is stopped for this workspace.",
        "`connector mappings start NAME` lets it be sent again, and what is held goes out.",
    ),
    "event_names_full": Meaning(
        "Its workspace has 120 event names, which is all that Intercom keeps, and this would be one more.",
        "Archive names in Intercom, then tell the connector to forget them: the next in line gets the place.",
    ),
    "name_budget_spent": Meaning(
        "Intercom keeps 120 event names for a workspace, and this would be one more.",
        "Archive names in Intercom's settings, then `connector deliveries replay`.",
    ),
    "needs_reauthorization": Meaning(
        "Intercom refuses the workspace's token.", "Give it a new one: `connector workspaces add`, or install anew."
    ),
    "by_operator": Meaning("An operator gave it up.", "`connector deliveries replay` takes that back."),
    "replayed": Meaning("It was replayed: its event is mapped again."),
    "expired": Meaning(
        "It stood still for longer than CONNECTOR_KEEP_DELIVERIES_DAYS and was given up.",
        "`connector deliveries replay`, while the bytes of its event are kept.",
    ),
}

EVENT_STATES: Mapping[ReceivedState, Meaning] = {
    ReceivedState.RECEIVED: Meaning("It is stored and about to be mapped."),
    ReceivedState.MAPPED: Meaning("At least one delivery was made of it."),
    ReceivedState.IGNORED: Meaning("A rule says no."),
    ReceivedState.UNMAPPED: Meaning(
        "No mapping asks for its type.", "`connector mappings` has what there is; an entry is a few lines of YAML."
    ),
    ReceivedState.UNPARSEABLE: Meaning("It was signed, and its bytes are not one readable message."),
    ReceivedState.FAILED: Meaning(
        "Mapping it broke; it is kept.", "`connector events replay`, once the mapping is mended."
    ),
}

EVENT_REASONS: Mapping[str, Meaning] = {
    "when": Meaning("Its mapping's condition does not hold.", "Nothing, unless the condition is wrong."),
    "name": Meaning("No event name can be made of what it says.", "Give the mapping a fixed `name`."),
    "disabled": Meaning("Its mapping is off.", "Turn the entry on, then `connector events replay`."),
    "told_already": Meaning("Another event told the same fact: Intercom gets one."),
    "wrong_mode": Meaning(
        "It is of Stripe's other mode (test or live) than its endpoint takes.",
        "`connector endpoints add --mode`, should both be wanted.",
    ),
    "thin": Meaning("It is a thin event, which only points at what happened.", "Send snapshot events instead."),
    "deletes_a_person": Meaning("It asks to delete somebody, and makes no Intercom event."),
    "unsigned_delete": Meaning("It asks to delete somebody, and its signature does not cover that."),
    "quarantined": Meaning(
        "The process died again and again while it mapped this one.", "Report it; `connector events replay` tries."
    ),
}


def of_delivery(state: State, reason: str | None) -> Meaning:
    """What a delivery's state and reason mean; an unknown reason is what its state is."""
    return DELIVERY_REASONS.get(reason or "", DELIVERY_STATES[state])


def of_event(state: ReceivedState, reason: str | None) -> Meaning:
    """What a received event's state and reason mean."""
    return EVENT_REASONS.get(reason or "", EVENT_STATES[state])


def as_table(meanings: Mapping[str, Meaning]) -> str:
    """A part of the table in Markdown, as the documentation has it."""
    rows = (f"| `{reason}` | {meaning.what} | {meaning.remedy or 'Nothing.'} |" for reason, meaning in meanings.items())
    return "\n".join(("| reason | what it means | what to do |", "|---|---|---|", *rows))
