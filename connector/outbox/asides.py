"""What events say beside what they become: that somebody may have appeared, and that somebody is to be forgotten.

Both are kept in the transaction that stores the rest of an event.  [SQL]
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from connector.contacts import erasures
from connector.contacts.erasures import Erasure
from connector.events import Identifier
from connector.outbox import waiting
from connector.outbox.translation import Translation


def heed(connection: Connection, translations: Sequence[Translation], *, now: int) -> None:
    """Try soon what is parked for whoever was identified; write down who is to be forgotten."""
    identified: dict[int, set[Identifier]] = {}
    for each in translations:
        if each.identified:
            identified.setdefault(each.received.workspace_id, set()).update(each.identified)
    for workspace_id, people in sorted(identified.items()):
        waiting.hint(connection, workspace_id, people, now=now)
    asked = [
        Erasure(each.received.workspace_id, each.to_forget, each.received.source, now)
        for each in translations
        if each.to_forget is not None
    ]
    erasures.ask(connection, asked)
