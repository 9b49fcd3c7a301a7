"""A mapping set as one workspace has chosen to have it: entries on or off, its own over the others', contact order.

Computed once for each set and each different choice, and then found by looking: nothing of it is paid per event.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from pydantic import ValidationError

from connector.catalogues.built import Built
from connector.events import IdentifierKind
from connector.mapping.assembly import assemble
from connector.mapping.catalog import Catalog
from connector.mapping.context import Options
from connector.mapping.entry import Entry
from connector.mapping.problem import did_you_mean
from connector.mapping.review import Checks
from connector.mapping_files import read_text
from connector.outbox.translation import Rules
from connector.workspaces import choices as workspace_choices
from connector.workspaces.choices import Choices
from connector.workspaces.store import Workspace

OWN = "own entries"
"""What the YAML of a workspace is called in messages."""
CATALOGUES_KEPT = 256
WORKSPACES_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """What came of the choices; `problems` are mistakes in the workspace's own entries, which are then left out."""

    catalog: Catalog
    problems: tuple[str, ...] = ()


def chosen(built: Built, choices: Choices) -> Chosen:
    """The set's catalogue by these choices."""
    entries, own, problems = _with_own(built, choices)
    if problems:
        return Chosen(chosen(built, choices.model_copy(update={"entries": None})).catalog, problems)
    return Chosen(Catalog(_as_chosen(entry, built, choices, entry.id in own) for entry in entries))


def mistakes(built: Built, choices: Choices) -> list[str]:
    """What does not fit the set: families and ids that are not there, and mistakes in own entries."""
    made = chosen(built, choices)
    families = sorted(set(built.families.values()))
    ids = {entry.id for entry in made.catalog.entries}
    return [
        *(_unknown("family", name, families) for name in choices.families if name not in families),
        *(_unknown("event", id_, ids) for id_ in choices.events if id_ not in ids and not made.problems),
        *made.problems,
    ]


def _unknown(kind: str, name: str, known: Sequence[str] | set[str]) -> str:
    meant = did_you_mean(name, known)
    remedy = f"did you mean {meant!r}?" if meant else "`connector mappings show` lists what there is"
    return f"there is no {kind} {name!r}: {remedy}"


def _with_own(built: Built, choices: Choices) -> tuple[Sequence[Entry], set[str], tuple[str, ...]]:
    if choices.entries is None:
        return built.catalog.entries, set(), ()
    reads = read_text(OWN, choices.entries.encode("utf-8", "surrogatepass"), Checks())
    catalog, found = assemble([*built.layers, reads])
    problems = [*found, *(problem for read in reads for problem in read.problems)]
    own = {entry.id for read in reads for entry in read.entries} | {
        at.switch.id for read in reads for at in read.switches
    }
    return catalog.entries, own, tuple(str(problem) for problem in sorted(problems) if not problem.warning)


def _as_chosen(entry: Entry, built: Built, choices: Choices, is_own: bool) -> Entry:
    family = None if is_own else choices.families.get(built.families.get(entry.id, ""))
    enabled = choices.events.get(entry.id, entry.enabled if family is None else family)
    contact = _in_order(entry, choices.contact_order)
    if enabled is entry.enabled and contact == entry.contact:
        return entry
    return replace(entry, enabled=enabled, contact=contact)


def _in_order(entry: Entry, order: Sequence[IdentifierKind]) -> tuple:  # type: ignore[type-arg]
    place = {kind: number for number, kind in enumerate(order)}
    return tuple(sorted(entry.contact, key=lambda way: place.get(way[0], len(place)))) if order else entry.contact


@dataclass
class RulesByWorkspace:
    """One mapping set, and what each workspace makes of it. `broken` is called once for own entries that do not fit."""

    built: Built
    options: Options
    broken: Callable[[int, str], None]
    _default: Rules = field(init=False)
    _catalogs: OrderedDict[str, tuple[Chosen, str]] = field(default_factory=OrderedDict)
    _known: dict[int, tuple[Workspace, Rules]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """The rules of whoever has chosen nothing."""
        self._default = Rules(self.built.catalog, self.options, self._digest(""))

    def of(self, workspace: Workspace | None) -> Rules:
        """The rules of a workspace: one look while nobody changes it."""
        if workspace is None:
            return self._default
        known = self._known.get(workspace.id)
        if known is not None and known[0] is workspace:
            return known[1]
        rules = self._rules(workspace)
        if len(self._known) >= WORKSPACES_KEPT:
            self._known.clear()
        self._known[workspace.id] = workspace, rules
        return rules

    def _rules(self, workspace: Workspace) -> Rules:
        try:
            choices = workspace_choices.read(workspace)
        except ValidationError as error:
            self.broken(workspace.id, f"{error.error_count()} of its choices cannot be read")
            choices = Choices()
        options = replace(
            self.options,
            metadata_keys=choices.metadata_keys or self.options.metadata_keys,
            time_zone=choices.time_zone,
            language=choices.language,
        )
        if not (about := choices.about_rules):
            return Rules(self.built.catalog, options, self._default.digest)
        made, digest = self._catalog(about, choices)
        if made.problems:
            self.broken(workspace.id, made.problems[0])
        return Rules(made.catalog, options, digest)

    def _catalog(self, about: str, choices: Choices) -> tuple[Chosen, str]:
        """Made once for all workspaces that chose the same; the least recently used go first."""
        if about not in self._catalogs:
            self._catalogs[about] = chosen(self.built, choices), self._digest(about)
            if len(self._catalogs) > CATALOGUES_KEPT:
                self._catalogs.popitem(last=False)
        self._catalogs.move_to_end(about)
        return self._catalogs[about]

    def _digest(self, about: str) -> str:
        """Which set, and which catalogue that is with this version's shipped one and these choices."""
        made = blake2b(f"{self.built.catalog.digest}{about}".encode("utf-8", "surrogatepass"), digest_size=8)
        return f"{self.built.set.digest}-{made.hexdigest()}"
