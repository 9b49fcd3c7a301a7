"""The options that choose deliveries, alike for the commands that show them and those that act on them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.options import choice
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.cli.session import Session
    from connector.events import Identifier
    from connector.outbox.selection import Selection

_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def _states() -> Iterable[str]:
    from connector.outbox.delivery import State

    return [state.value for state in State]


OfState = Annotated[
    str | None,
    choice(
        "--state",
        help="Only in this state: waiting, held, due, parked, delivered, dead or discarded.",
        load=_states,
    ),
]
OfName = Annotated[str | None, typer.Option("--name", help="Only with this event name.", show_default=False)]
OfReason = Annotated[str | None, typer.Option("--reason", help="Only for this reason.", show_default=False)]
OfContact = Annotated[
    str | None,
    typer.Option(
        "--contact", metavar="KIND:VALUE", help="Only for this contact: user_id:…, email:… or id:….", show_default=False
    ),
]
OfMapping = Annotated[
    str | None,
    typer.Option("--mapping", metavar="DIGEST", help="Only made by this set of mappings.", show_default=False),
]
OfType = Annotated[
    str | None, typer.Option("--type", help="Only made of this type, such as invoice.paid.", show_default=False)
]
OfStatus = Annotated[
    int | None, typer.Option("--status", help="Only those that Intercom answered so, such as 422.", show_default=False)
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Only changed since: 2026-11-26T06:00Z, 90m, 6h or 3d ago.", show_default=False
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Only changed before that.", show_default=False)
]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the options of a command say; None is any."""

    workspace: str | None = None
    state: str | None = None
    name: str | None = None
    reason: str | None = None
    contact: str | None = None
    mapping: str | None = None
    type: str | None = None
    status: int | None = None
    since: str | None = None
    until: str | None = None

    @property
    def said(self) -> dict[str, Any]:
        """What was said, for the audit log: of a contact only that one was."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: "…" if name == "contact" else value for name, value in values.items() if value is not None}

    async def selection(self, session: Session) -> Selection:
        """As the database takes it. Raises UsageError."""
        from connector.outbox.delivery import State
        from connector.outbox.selection import Selection

        return Selection(
            workspace_id=await session.workspace_id(self.workspace),
            states=(State(self.state),) if self.state else (),
            name=self.name,
            reasons=(self.reason,) if self.reason else (),
            contact=contact_of(self.contact) if self.contact else None,
            mapping_digest=self.mapping,
            received_type=self.type,
            status=self.status,
            since=time_of(self.since, "--since", session.now),
            until=time_of(self.until, "--until", session.now),
        )


def contact_of(text: str) -> Identifier:
    """`user_id:ada` as an identifier. Raises UsageError."""
    from connector.events import DISPLAY_LENGTH, Identifier, IdentifierKind

    kind, _, value = text.partition(":")
    if kind not in set(IdentifierKind) or not 0 < len(value) <= DISPLAY_LENGTH:
        raise UsageError(f"--contact takes user_id:VALUE, email:ADDRESS or id:VALUE, not {text!r}")
    return Identifier(IdentifierKind(kind), value)


def time_of(text: str | None, option: str, now: int) -> int | None:
    """A moment in milliseconds: ISO 8601 (UTC unless it says otherwise), or how long ago. Raises UsageError."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text.removesuffix(" ago")):
        return max(0, now - int(ago[1]) * _UNITS[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} takes a time such as 2026-11-26T06:00Z, or 90m, 6h, 3d ago; not {text!r}") from None
