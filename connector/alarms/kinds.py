"""Every kind of alert there is: what it means, and what to do about it, in a sentence each.

Pure. The command line, the mails and webhooks, docs/operations.md and the console all word an alert by this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """`what` an alert of this kind is about, and the `remedy`."""

    what: str
    remedy: str


KINDS: Mapping[str, Meaning] = {
    "signature_failures": Meaning(
        "Webhooks are refused because their signature does not hold, more than before.",
        "If the signing secret was rolled at Stripe or Segment, `connector endpoints rotate`. If not, somebody else "
        "posts to the address: give the endpoint another one.",
    ),
    "no_traffic": Meaning(
        "Nothing comes from where something always came.",
        "Look at the endpoint at Stripe or the destination in Segment: disabled, deleted, or pointing elsewhere? "
        "With a restricted key what was missed is fetched by itself.",
    ),
    "webhooks_missed": Meaning(
        "Stripe's own list holds events that no webhook brought.",
        "They were fetched and are delivered. See at Stripe why its webhooks fail, unless the service was down.",
    ),
    "sync_behind": Meaning(
        "What came has not been compared with Stripe's list for hours.",
        "`connector status` shows why: Stripe does not answer, or the process that reconciles does not run.",
    ),
    "sync_trouble": Meaning(
        "Stripe refuses the restricted key, or part of what it is asked for.",
        "Give the key the permission that the alert names, or another key: `connector endpoints rotate`.",
    ),
    "sync_gap": Meaning(
        "Events of some time can no longer be listed at Stripe, which keeps thirty days.",
        "`connector backfill stripe` makes up for what its objects still tell. Then `connector alerts close`.",
    ),
    "stripe_endpoint": Meaning(
        "The webhook endpoint is disabled at Stripe, or gone.",
        "Enable it in Stripe's dashboard, or connect the account again in set-up.",
    ),
    "stripe_types": Meaning(
        "Stripe does not send every event type that the mappings ask for.",
        "Add these types to the endpoint in Stripe's dashboard, or connect the account by set-up, which keeps them.",
    ),
    "stripe_version": Meaning(
        "Stripe sends another API version than it used to.",
        "See that mappings still find their values: `connector mappings try` on a new event. After a week the new "
        "version counts as the usual one.",
    ),
    "contacts_not_found": Meaning(
        "Intercom does not know the contacts of many events, more than before.",
        "See whom the events name: `connector deliveries list --state parked`. Has the way users are identified "
        "changed? `connector workspaces report` asks Intercom whom it knows.",
    ),
    "dead_letters": Meaning(
        "More deliveries are given up than before.",
        "`connector status --workspace` counts them by reason. Mend it, then `connector deliveries replay`.",
    ),
    "overdue": Meaning(
        "Deliveries that are due are not sent.",
        "Does a worker run (`/readyz`, `connector_stage_failures_total`)? Is Intercom up, and the rate limit not used "
        "up by somebody else?",
    ),
    "needs_reauthorization": Meaning(
        "Intercom refuses the workspace's token: nothing is sent.",
        "Have an admin install the app again, or `connector workspaces add` with a new token; then "
        "`connector workspaces resume`.",
    ),
    "event_names_many": Meaning(
        "The workspace comes near the 120 event names that Intercom keeps.",
        "Archive names in Intercom that nobody uses, then `connector event-names forget`.",
    ),
    "event_names_full": Meaning(
        "Intercom takes no more event names: events of new names are held.",
        "Archive names in Intercom, then `connector event-names forget` or `connector event-names retry`.",
    ),
    "key_type_drift": Meaning(
        "A metadata key has another type than it was first sent with, which Intercom does not take.",
        "Give the key another name in the mapping, or its old type.",
    ),
    "entry_never_matched": Meaning(
        "An entry of your own mapping files has taken no event in a week.",
        "`connector mappings try` on a stored event says why not. Is its trigger sent at all: `connector mappings "
        "coverage`?",
    ),
    "mappings_refused": Meaning(
        "The mapping files have mistakes; what was in use stays in use.",
        "`connector mappings check` shows each with its place.",
    ),
    "choices_broken": Meaning(
        "A workspace's choices do not fit the mapping set in use.",
        "`connector workspaces choices` shows them; the workspace goes on without those.",
    ),
    "verify_differs": Meaning(
        "Intercom does not hold what it accepted: missing, twice, or altered.",
        "`connector verify --workspace` names each delivery. Missing: an archived event name, or a contact that was "
        "deleted. Replay with `connector deliveries replay --as-new` only what is missing.",
    ),
}

UNKNOWN = Meaning("Somebody should look.", "See the alert's own words.")


def meaning(kind: str) -> Meaning:
    """What an alert of this kind means."""
    return KINDS.get(kind, UNKNOWN)
