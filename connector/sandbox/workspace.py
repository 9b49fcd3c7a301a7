"""One Intercom workspace while it runs: its settings, people, events and rate limit, and the rules between them."""

from __future__ import annotations

import json
from typing import Any

from connector.sandbox.answers import Refused
from connector.sandbox.contacts import Contact, Contacts
from connector.sandbox.data_events import DataEvents, ReceivedEvent
from connector.sandbox.event_request import Submission
from connector.sandbox.ledger import Ledger
from connector.sandbox.rate_limit import Spent, Windows
from connector.sandbox.settings import WorkspaceSettings


class Workspace:
    """What one access token opens."""

    def __init__(self, settings: WorkspaceSettings, ledger: Ledger) -> None:
        self.settings = settings
        self.contacts = Contacts(match_email_case=settings.match_email_case)
        self.events = DataEvents()
        self._ledger = ledger
        self._windows = Windows()

    def configure(self, settings: WorkspaceSettings) -> None:
        """Go on under new settings; what was received stays."""
        self.settings = settings
        self.contacts.match_email_case = settings.match_email_case

    def spend(self, *, now: float) -> Spent | None:
        """Count one call against the workspace's limit; None when it has none."""
        limit = self.settings.rate_limit
        return None if limit is None else self._windows.take(limit, now=now)

    def create_contact(self, fields: dict[str, Any], *, now: float) -> Contact | Refused:
        """A new contact, which search finds only after the workspace's delay."""
        return self.contacts.create(fields, now=now, search_delay=self.settings.search_delay)

    def submit(self, submission: Submission, *, now: float) -> ReceivedEvent | Refused:
        """Accept an event: once, whether it is stored or a duplicate of one that is."""
        contact = self._contact_for(submission, now=now)
        if isinstance(contact, Refused):
            return contact
        if refused := self.events.refuse_name(submission.name, limit=self.settings.event_names):
            return refused
        duplicate = self.events.is_duplicate(contact, submission)
        event = ReceivedEvent(
            number=self._ledger.next_number(),
            received_at=now,
            workspace=self.settings.app_id,
            contact_id=contact.id,
            external_id=contact.external_id,
            email=contact.email,
            identified_by=submission.identified_by,
            identifier=submission.identifier,
            name=submission.name,
            created_at=submission.created_at,
            metadata=submission.metadata,
            dropped_keys=submission.dropped_keys,
            duplicate=duplicate,
            body=submission.body,
        )
        if not duplicate:
            self.events.add(contact, submission, event)
        self._ledger.record_event(event)
        return event

    def merge(self, lead_id: str, user_id: str, *, skip_check: bool, now: float) -> Contact | Refused:
        """Merge a lead into a user, events and all."""
        survivor = self.contacts.merge(lead_id, user_id, skip_check=skip_check, now=now)
        if isinstance(survivor, Contact):
            self.events.move(lead_id, user_id)
        return survivor

    def delete_contact(self, contact_id: str) -> Contact | Refused:
        """Delete a contact and what they did."""
        gone = self.contacts.delete(contact_id)
        if isinstance(gone, Contact):
            self.events.forget(contact_id)
        return gone

    def _contact_for(self, submission: Submission, *, now: float) -> Contact | Refused:
        found = self.contacts.meant_by(submission.identified_by, submission.identifier)
        unknown = isinstance(found, Refused) and found.status == 404
        if not (unknown and self.settings.create_contacts and submission.identified_by != "id"):
            return found
        sent = json.loads(submission.body)
        details = {"external_id": sent.get("user_id"), "email": sent.get("email")}
        return self.create_contact({name: value for name, value in details.items() if value}, now=now)
