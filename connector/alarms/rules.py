"""When something has drifted: each rule is a pure function of counts, and `RULES` lists them all.

A rule returns what is the matter in a sentence, None where nothing is. What is open already stays open until it is
half-way back (`ease`), so that a figure at its threshold does not ring all day. What to do about it is in `kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

OPENED, HALF_WAY = 1.0, 0.5
"""What thresholds are multiplied by: to open an alert, and to keep one open."""
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@dataclass(frozen=True, slots=True)
class Window:
    """What was counted in some time. `listed` and `missed` are Stripe's list and what of it no webhook had brought;
    `tried` are first tries, `not_found` those of them whose contact Intercom did not know.
    """

    stored: int = 0
    bad_signature: int = 0
    listed: int = 0
    missed: int = 0
    tried: int = 0
    not_found: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """The fortnight before the last 24 hours, or as much of it as there is."""

    counts: Window = Window()
    days: float = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """The counts of one endpoint, or of one workspace: the last two hours, the last 24, and what was before.

    `active` are the hours (since 1970) in which something came; they are looked for only after some silence.
    """

    recent: Window = Window()
    day: Window = Window()
    past: Past = Past()
    active: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointNow:
    """One endpoint. `hour` is now, in hours since 1970; `behind_ms` is None where it is not reconciled."""

    look: Look
    hour: int
    behind_ms: int | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceNow:
    """One workspace. `overdue_ms`: for how long its oldest due delivery could have been sent; `held_up`: by what."""

    look: Look
    overdue_ms: int = 0
    held_up: str | None = None


@dataclass(frozen=True, slots=True)
class StripeNow:
    """Our webhook endpoint at Stripe; `there` is false where it is gone.

    `watched`: set-up made it, and keeps it and its types as they should be. `unsent` are types that mappings ask for,
    and that it does not send; `used_to` is the version that it had.
    """

    there: bool
    enabled: bool = True
    watched: bool = False
    unsent: Sequence[str] = ()
    version: str | None = None
    used_to: str | None = None


@dataclass(frozen=True, slots=True)
class EntryNow:
    """One entry of the operator's own mapping files, enabled: how long it has been in use, and what came meanwhile."""

    matched: bool
    in_use_ms: int
    events: int
    trigger: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """`judge(now, ease)` → what is the matter, or None."""

    kind: str
    about: type
    judge: Callable[[Any, float], str | None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule found."""

    kind: str
    words: str | None


def judge(now: EndpointNow | WorkspaceNow | StripeNow | EntryNow, open_kinds: frozenset[str]) -> list[Verdict]:
    """What every rule about such a thing says; `open_kinds` are the alerts that are open about it."""
    return [
        Verdict(rule.kind, rule.judge(now, HALF_WAY if rule.kind in open_kinds else OPENED))
        for rule in RULES
        if isinstance(now, rule.about)
    ]


def kinds_about(about: type) -> tuple[str, ...]:
    """The alerts that rules about such a thing open and close."""
    return tuple(rule.kind for rule in RULES if rule.about is about)


# ── endpoints ───────────────────────────────────────────────────────────────────────────────────────────────────────

SIGNATURES = 10
SIGNATURES_SHARE = 0.2
USUAL_TIMES = 3
"""How many times as much as it used to be is a rise."""


def _signature_failures(now: EndpointNow, ease: float) -> str | None:
    bad, good = now.look.recent.bad_signature, now.look.recent.stored
    usual = now.look.past.counts.bad_signature / (now.look.past.days * 12)
    if bad < SIGNATURES * ease or bad < SIGNATURES_SHARE * ease * (bad + good) or bad <= USUAL_TIMES * ease * usual:
        return None
    return f"{bad:,} webhooks of the last two hours were refused for their signature, and {good:,} events were taken"


QUIET_HOURS = 6
QUIET_TIMES = 2
"""How many times as long as its longest silence is too quiet."""
RHYTHM_HOURS, RHYTHM_SPAN_HOURS = 24, 72
"""Hours with traffic, and from the first to the last of them, that make a rhythm."""


def _no_traffic(now: EndpointNow, ease: float) -> str | None:
    active = now.look.active
    if now.look.recent.stored:
        return None
    if ease < OPENED:  # by now its rhythm may be forgotten: only traffic ends the silence
        since = f"{now.hour - active[-1]:,} hours" if active else "more than a fortnight"
        return f"nothing has come for {since}"
    if len(active) < RHYTHM_HOURS or active[-1] - active[0] < RHYTHM_SPAN_HOURS:
        return None
    silent, longest = now.hour - active[-1], max(after - before for before, after in pairwise(active))
    if silent <= max(QUIET_HOURS, QUIET_TIMES * longest):
        return None
    return f"nothing has come for {silent:,} hours; in the fortnight before, the longest silence was {longest:,} hours"


MISSED, MISSED_SHARE = 10, 0.1


def _webhooks_missed(now: EndpointNow, ease: float) -> str | None:
    missed, listed = now.look.day.missed, now.look.day.listed
    if missed < MISSED * ease or missed < MISSED_SHARE * ease * listed:
        return None
    return (
        f"of {listed:,} events that Stripe lists of the last 24 hours, {missed:,} came by no webhook and were fetched"
    )


BEHIND_MS = 3 * HOUR_MS


def _sync_behind(now: EndpointNow, ease: float) -> str | None:
    if now.behind_ms is None or now.behind_ms < BEHIND_MS * ease:
        return None
    return f"what Stripe has sent was last compared with its own list {_ago(now.behind_ms)} ago"


# ── workspaces ──────────────────────────────────────────────────────────────────────────────────────────────────────

TRIED, NOT_FOUND_SHARE, NOT_FOUND_TIMES = 20, 0.3, 2


def _contacts_not_found(now: WorkspaceNow, ease: float) -> str | None:
    day, past = now.look.day, now.look.past.counts
    share, usual = _share(day.not_found, day.tried), _share(past.not_found, past.tried)
    if day.tried < TRIED * ease or share < NOT_FOUND_SHARE * ease or share <= NOT_FOUND_TIMES * ease * usual:
        return None
    before = f"; before, {usual:.0%}" if past.tried else ""
    return f"Intercom did not know the contact of {share:.0%} of {day.tried:,} events of the last 24 hours{before}"


DEAD = 10


def _dead_letters(now: WorkspaceNow, ease: float) -> str | None:
    dead, usual = now.look.day.dead, now.look.past.counts.dead / now.look.past.days
    if dead < DEAD * ease or dead <= USUAL_TIMES * ease * usual:
        return None
    return f"{dead:,} deliveries were given up in the last 24 hours; before, {usual:.1f} a day"


OVERDUE_MS = 15 * 60_000


def _overdue(now: WorkspaceNow, ease: float) -> str | None:
    if now.overdue_ms < OVERDUE_MS * ease:
        return None
    why = f": {now.held_up}" if now.held_up else ""
    return f"the oldest delivery that is due has waited for {_ago(now.overdue_ms)}{why}"


# ── our endpoint at Stripe ──────────────────────────────────────────────────────────────────────────────────────────


def _stripe_endpoint(now: StripeNow, _ease: float) -> str | None:
    if now.watched or (now.there and now.enabled):
        return None
    return "disabled or gone at Stripe"


NAMED_TYPES = 5


def _stripe_types(now: StripeNow, _ease: float) -> str | None:
    if now.watched or not now.there or not now.unsent:
        return None
    more = f" and {len(now.unsent) - NAMED_TYPES} more" if len(now.unsent) > NAMED_TYPES else ""
    return f"Stripe does not send {', '.join(now.unsent[:NAMED_TYPES])}{more}, which mappings ask for"


def _stripe_version(now: StripeNow, _ease: float) -> str | None:
    if not now.there or now.used_to is None or now.version == now.used_to:
        return None
    return f"Stripe sends events of API version {now.version or '(the account’s own)'}; it used to be {now.used_to}"


# ── mapping entries ─────────────────────────────────────────────────────────────────────────────────────────────────

UNMATCHED_MS, UNMATCHED_EVENTS = 7 * DAY_MS, 100


def _entry_never_matched(now: EntryNow, _ease: float) -> str | None:
    if now.matched or now.in_use_ms < UNMATCHED_MS or now.events < UNMATCHED_EVENTS:
        return None
    return f"in use for {now.in_use_ms // DAY_MS} days, {now.events:,} events came, and it ({now.trigger}) took none"


RULES: tuple[Rule, ...] = (
    Rule("signature_failures", EndpointNow, _signature_failures),
    Rule("no_traffic", EndpointNow, _no_traffic),
    Rule("webhooks_missed", EndpointNow, _webhooks_missed),
    Rule("sync_behind", EndpointNow, _sync_behind),
    Rule("contacts_not_found", WorkspaceNow, _contacts_not_found),
    Rule("dead_letters", WorkspaceNow, _dead_letters),
    Rule("overdue", WorkspaceNow, _overdue),
    Rule("stripe_endpoint", StripeNow, _stripe_endpoint),
    Rule("stripe_types", StripeNow, _stripe_types),
    Rule("stripe_version", StripeNow, _stripe_version),
    Rule("entry_never_matched", EntryNow, _entry_never_matched),
)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _ago(ms: int) -> str:
    return f"{ms / HOUR_MS:.1f} hours" if ms >= HOUR_MS else f"{ms // 60_000} minutes"
