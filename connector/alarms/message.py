"""How an alert reads outside: the JSON of a webhook, the text of a mail.  Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.alarms.kinds import meaning
from connector.events import digest
from connector.outbox.alerts import Alert

OPENED = "alert.opened"


@dataclass(frozen=True, slots=True)
class Message:
    """One alert for somebody outside. `id` is the same however often it is sent."""

    id: str
    alert: Alert
    workspace: str | None
    """What Intercom calls it; None for the service itself."""

    @property
    def opened(self) -> str:
        """When it was opened, by ISO 8601."""
        return datetime.fromtimestamp(self.alert.opened_at / 1000, UTC).isoformat(timespec="seconds")

    def body(self) -> bytes:
        """As a webhook says it: https://www.standardwebhooks.com (type, timestamp, data)."""
        known = meaning(self.alert.kind)
        data = {
            "kind": self.alert.kind,
            "workspace": self.workspace,
            "subject": self.alert.subject or None,
            "detail": self.alert.detail,
            "what": known.what,
            "remedy": known.remedy,
        }
        return json.dumps({"type": OPENED, "timestamp": self.opened, "data": data}, ensure_ascii=False).encode()

    @property
    def title(self) -> str:
        """One line, without line breaks."""
        about = ", ".join(part for part in (self.workspace, self.alert.subject) if part)
        line = f"[connector] {self.alert.kind}" + (f": {about}" if about else "")
        return "".join(char if char.isprintable() else " " for char in line)

    def text(self) -> str:
        """What a mail says."""
        known = meaning(self.alert.kind)
        where = self.workspace or "the service itself"
        about = f"{where}, {self.alert.subject}" if self.alert.subject else where
        return (
            f"{known.what}\n\n{self.alert.detail}\n\nWhere: {about}\nSince: {self.opened}\n\n"
            f"What to do: {known.remedy}\n"
        )


def message(alert: Alert, workspace: str | None) -> Message:
    """The message about this opening of an alert."""
    key = digest(alert.workspace_id, alert.kind, alert.subject, alert.opened_at)
    return Message(f"msg_{key.hex()}", alert, workspace)
