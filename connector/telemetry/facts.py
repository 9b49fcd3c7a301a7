"""What the stages say has happened: frozen values, each told once to every sink.

A stage never words a log line and never counts; it is handed a `Tell` and tells a fact. No fact holds a secret, a
token, a body or an e-mail address: what is personal stays in the database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class WebhookStored:
    """A request was answered 200: its events are durable. `seconds` from its first byte to the commit."""

    source: str
    workspace_id: int
    endpoint_id: int
    events: int
    bytes: int
    seconds: float
    livemode: bool = True


@dataclass(frozen=True, slots=True)
class WebhookRefused:
    """A request was answered with anything else; `why` is a short, stable word."""

    source: str
    status: int
    why: str
    workspace_id: int | None = None
    endpoint_id: int | None = None


@dataclass(frozen=True, slots=True)
class EventMapped:
    """A received event reached a state; `deliveries` are those that were made of it (hex ids). `untested_version` is
    set where its API version is none that the catalogue is tested with: `newer` or `unreadable`.
    """

    workspace_id: int
    event: str
    source: str
    type: str
    state: str
    reason: str | None
    deliveries: tuple[str, ...]
    untested_version: str | None = None
    entries: tuple[str, ...] = ()
    """The ids of the mapping entries that matched."""
    key: str = ""
    """The event's own key here, in hexadecimal: what its trace is known by."""
    received_at: int = 0
    """Milliseconds since 1970."""
    waiting: tuple[str, ...] = ()
    """Those of `deliveries` that wait until it is known whom they are for."""


@dataclass(frozen=True, slots=True)
class AttemptMade:
    """A delivery was tried; `step` is what comes next: done, again, park, dead …"""

    workspace_id: int
    delivery: str
    event_name: str
    number: int
    status: int | None
    outcome: str
    step: str
    reason: str | None
    duration_ms: int
    request_id: str | None
    late: bool
    seconds_since_received: float
    key: str = ""
    """Of the event that the delivery came of, as in `EventMapped`."""


@dataclass(frozen=True, slots=True)
class NotificationTaken:
    """Intercom's webhook was answered 200. `woken` deliveries are due because of it; None: that is still going on."""

    topic: str
    workspace_id: int | None
    woken: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class NotificationRefused:
    """Intercom's webhook was answered with anything else; `why` is a short, stable word."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class PersonForgotten:
    """All that was known of a person is gone: counts only, nothing that tells who it was."""

    workspace_id: int
    asked_by: str
    deliveries: int
    events: int
    identities: int


@dataclass(frozen=True, slots=True)
class WorkspaceStopped:
    """Nothing goes to this workspace until somebody acts."""

    workspace_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class AlertOpened:
    """Somebody should look; told once until it is closed."""

    workspace_id: int
    kind: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class AlertClosed:
    """What an alert was about is over."""

    workspace_id: int
    kind: str
    subject: str


@dataclass(frozen=True, slots=True)
class AlertNoticed:
    """Somebody outside was to be told of an alert: `outcome` is sent, or one stable word for why not."""

    workspace_id: int
    kind: str
    sink: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Verified:
    """Intercom was asked for what it took: of `checked` deliveries it holds `found` as they were sent."""

    workspace_id: int
    outcome: str
    checked: int
    found: int


@dataclass(frozen=True, slots=True)
class Installed:
    """A workspace has installed the app, or allowed it again; `mode` is what it does now."""

    workspace_id: int
    mode: str


@dataclass(frozen=True, slots=True)
class Uninstalled:
    """A workspace has removed the app: nothing goes to it any more."""

    workspace_id: int


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A signed request of Intercom's was not taken; `why` is a short, stable word."""

    path: str
    status: int
    why: str


@dataclass(frozen=True, slots=True)
class SetupChanged:
    """Somebody changed something in set-up; `what` is a stable word."""

    workspace_id: int
    what: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Stripe's list of events was compared with what came: `found` of `listed` had not. `outcome` is done, or why it
    did not go on; `behind_s` is how long ago everything before was accounted for.
    """

    workspace_id: int
    endpoint_id: int
    livemode: bool
    outcome: str
    listed: int
    found: int
    behind_s: float


@dataclass(frozen=True, slots=True)
class StripeAsked:
    """Stripe was asked for something that no event told: `what` is its kind, `outcome` one stable word."""

    workspace_id: int
    what: str
    outcome: str


@dataclass(frozen=True, slots=True)
class ProcessesTakenOver:
    """Other service processes have shown no sign of life: what they held is free for the rest."""

    count: int


@dataclass(frozen=True, slots=True)
class MappingsInUse:
    """This process maps by another set than before."""

    digest: str
    entries: int


@dataclass(frozen=True, slots=True)
class MappingsRefused:
    """A folder, or a set of another version, that cannot be used: what is in use stays. `first` is a problem."""

    what: str
    problems: int
    first: str


@dataclass(frozen=True, slots=True)
class MappingsNotDeployed:
    """This process's own folder holds something else than what is deployed, and counts for nothing."""

    folder: str


@dataclass(frozen=True, slots=True)
class StageFailed:
    """A stage hit an error that is ours; it goes on with the next piece of work."""

    stage: str
    error: BaseException


Fact: TypeAlias = (
    WebhookStored
    | WebhookRefused
    | EventMapped
    | AttemptMade
    | WorkspaceStopped
    | AlertOpened
    | AlertClosed
    | AlertNoticed
    | Verified
    | Reconciled
    | StripeAsked
    | ProcessesTakenOver
    | NotificationTaken
    | NotificationRefused
    | PersonForgotten
    | MappingsInUse
    | MappingsRefused
    | MappingsNotDeployed
    | StageFailed
    | Installed
    | Uninstalled
    | RequestRefused
    | SetupChanged
)
Tell: TypeAlias = Callable[[Fact], None]


def tell_all(*listeners: Tell) -> Tell:
    """All who hear facts as one."""

    def tell(fact: Fact) -> None:
        for listener in listeners:
            listener(fact)

    return tell
