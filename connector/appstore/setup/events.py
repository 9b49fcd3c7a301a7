"""/setup/events: which families and events are on, and what is to happen when Intercom does not know a contact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from connector.appstore import stripe_account
from connector.appstore.setup.desk import Desk, go
from connector.appstore.web import Door, Visit
from connector.appstore.words import title
from connector.contacts.rules import UnknownContact, rules
from connector.mapping.entry import Entry
from connector.workspaces import choices, store

UNKNOWN = {
    UnknownContact.WAIT: ("Wait for the contact", "The event goes out once the contact appears in Intercom."),
    UnknownContact.CREATE_USER: (
        "Create a user",
        "By the user id or e-mail address in the event. Needs the permission “Write users and companies”.",
    ),
    UnknownContact.CREATE_LEAD: (
        "Create a lead",
        "By the e-mail address in the event. Needs the permission “Write users and companies”.",
    ),
}


WRITTEN = {"ai": "AI", "b2b": "B2B", "saas": "SaaS", "ids": "IDs"}


@dataclass(frozen=True, slots=True)
class Offer:
    """One entry as it can be chosen; `on` is what holds for this workspace now."""

    id: str
    name: str
    description: str
    on: bool


@dataclass(frozen=True, slots=True)
class Family:
    """Entries that belong together; `on` where the workspace has not turned all of it off."""

    id: str
    name: str
    source: str
    on: bool
    offers: tuple[Offer, ...]


class EventsPage:
    """The form."""

    def __init__(self, desk: Desk, door: Door) -> None:
        self._desk = desk
        self._door = door

    def routes(self) -> list[web.AbstractRouteDef]:
        """GET|POST /setup/events."""
        page = self._door.page
        return [web.get("/setup/events", page(self._show)), web.post("/setup/events", page(self._save))]

    async def _show(self, visit: Visit) -> web.StreamResponse:
        return self._page(visit)

    def _page(self, visit: Visit, error: str | None = None) -> web.Response:
        return self._desk.show(
            visit,
            "events.html",
            "Events",
            error=error,
            families=self._families(visit),
            unknown=[(rule.value, *words) for rule, words in UNKNOWN.items()],
            rule=rules(visit.workspace.settings).unknown_contact.value,
        )

    def _families(self, visit: Visit) -> list[Family]:
        mappings = self._desk.parts.mappings
        chosen = {entry.id: entry.enabled for entry in mappings.rules()(visit.workspace).catalog.entries}
        families = choices.read(visit.workspace).families
        found: dict[str, list[Entry]] = {}
        for entry in mappings.catalog.entries:
            if entry.name and (family := mappings.built.families.get(entry.id)):
                found.setdefault(family, []).append(entry)
        return [_family(name, entries, chosen, on=families.get(name, True)) for name, entries in found.items()]

    async def _save(self, visit: Visit) -> web.StreamResponse:
        rule = visit.form["unknown_contact"]
        if rule not in tuple(UnknownContact):
            return self._page(visit, "Choose what is to happen when Intercom does not know the contact.")
        parts, workspace = self._desk.parts, visit.workspace
        wanted = self._wanted(set(visit.form.all("family")), set(visit.form.all("event")))
        made = choices.changed(choices.read(workspace), wanted)
        await parts.database.transact(choices.write, workspace.id, made, actor=visit.session.actor, now=parts.now())
        await parts.database.transact(store.set_choice, workspace.id, "unknown_contact", rule, now=parts.now())
        await self._desk.changed(visit, "choices", unknown_contact=rule)
        changed = parts.directory.workspace(workspace.id)
        if changed is not None:
            await stripe_account.update_types(parts, changed)
        return go("/setup/events", "choices")

    def _wanted(self, families: set[str], events: set[str]) -> Mapping[str, Any]:
        """The choices that a form says: what is as the catalogue has it is not chosen."""
        mappings = self._desk.parts.mappings
        off: dict[str, bool | None] = {}
        single: dict[str, bool | None] = {}
        for entry in mappings.catalog.entries:
            family = mappings.built.families.get(entry.id)
            if not entry.name or family is None:
                continue
            off[family] = None if family in families else False
            differs = family in families and (entry.id in events) is not entry.enabled
            single[entry.id] = entry.id in events if differs else None
        return {"families": off, "events": single}


def _family(name: str, entries: list[Entry], chosen: Mapping[str, bool], *, on: bool) -> Family:
    offers = tuple(
        Offer(
            entry.id,
            title(entry.name or ""),
            entry.description,
            chosen.get(entry.id, entry.enabled) if on else entry.enabled,
        )
        for entry in entries
    )
    return Family(name, _family_name(name), entries[0].source, on, offers)


def _family_name(file: str) -> str:
    """`segment/b2b_saas` as people write it."""
    words = title(file.partition("/")[2]).split()
    return " ".join(WRITTEN.get(word.lower(), word) for word in words)
