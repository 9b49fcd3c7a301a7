"""How an installation is, as Intercom's health check asks: OK, UNHEALTHY with a sentence, or to be re-installed.  Pure.

The worst that holds is said, one thing at a time. Watching, trying and pausing are what a workspace chose: nobody is
alarmed by them.
https://developers.intercom.com/docs/build-an-integration/learn-more/installation-health-check
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

QUIET_DAYS: Final = 7
"""Days without a webhook after which a connection is taken for broken."""
MANY_DEAD: Final = 20
"""Dead letters in a day that are worth a look, where they are also more than before."""
LONGEST: Final = 2_084


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a workspace. `quiet_ms` is since its last webhook, or since it was connected."""

    authorized: bool
    endpoints: int
    quiet_ms: int | None
    dead_today: int
    dead_yesterday: int
    disabled: tuple[str, ...] = ()
    """Labels of endpoints that are disabled or gone at Stripe."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One state; `message` for an admin, `label` of the link where there is something to mend in set-up."""

    state: str
    message: str = ""
    label: str = ""
    reinstall: bool = False

    def as_json(self, link: str) -> dict[str, str]:
        """What Intercom is told."""
        said = {"state": self.state}
        if self.message:
            said["message"] = self.message[:LONGEST]
        if self.reinstall:
            said["cta_type"] = "REINSTALL_CTA"
        elif self.label:
            said |= {"cta_type": "URL_CTA", "cta_label": self.label, "cta_url": link[:LONGEST]}
        return said


OK: Final = Condition("OK")
UNKNOWN: Final = Condition("UNKNOWN")


def condition(facts: Facts) -> Condition:
    """The worst that holds."""
    if not facts.authorized:
        why = (
            "Intercom no longer accepts this app's access token. Events are kept and wait: re-install the app to go on."
        )
        return Condition("UNHEALTHY", why, reinstall=True)
    if facts.endpoints == 0:
        return _unhealthy("No Stripe account and no Segment source is connected yet.", "Connect one")
    if facts.disabled:
        which = ", ".join(facts.disabled)
        return _unhealthy(f"The webhook endpoint at Stripe is disabled or gone: {which}.", "Mend it")
    if facts.quiet_ms is not None and facts.quiet_ms >= QUIET_DAYS * 86_400_000:
        days = facts.quiet_ms // 86_400_000
        return _unhealthy(f"No webhook has arrived for {days} days.", "Look at the connections")
    if facts.dead_today >= MANY_DEAD and facts.dead_today > 2 * facts.dead_yesterday:
        count = facts.dead_today
        return _unhealthy(f"{count:,} events could not be delivered in the last 24 hours.", "See why")
    return OK


def _unhealthy(message: str, label: str) -> Condition:
    return Condition("UNHEALTHY", message, label)
