"""Which identifiers are one person's: what the directory says, and nothing that it only says of several.  [SQL]

The rule is the one by which events find their contact: a customer or a charge is a person's if an event that names
nothing else would have gone to that person. An address is a user's if no other user has it; one that several have is
`shared`: whoever asks for one of them neither sees nor deletes what is the others'.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, RowMapping, or_, select

from connector.database.rows import parts
from connector.database.tables import identities
from connector.events import Identifier, IdentifierKind, Key

ROUNDS = 6
"""From a refund's charge to its customer, their user, that one's address, and back to other customers of theirs."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person of a workspace. `shared` are theirs and somebody else's."""

    workspace_id: int
    identifiers: frozenset[Identifier]
    shared: frozenset[Identifier] = frozenset()

    @property
    def keys(self) -> frozenset[Key]:
        """Of all that are theirs alone."""
        return frozenset(identifier.key for identifier in self.identifiers)

    def has(self, identifier: Identifier | None) -> bool:
        """Whether `identifier` is theirs."""
        return identifier is not None and identifier.key in self.keys


def person(connection: Connection, workspace_id: int, asked: Identifier) -> Person:
    """The person whom `asked` names, with everything else that they are called."""
    found = _Circle(connection, workspace_id)
    found.add(asked)
    for _ in range(ROUNDS):
        if not found.widen():
            break
    return Person(workspace_id, frozenset(found.theirs.values()), frozenset(found.shared.values()))


@dataclass
class _Circle:
    connection: Connection
    workspace_id: int
    theirs: dict[Key, Identifier] = field(default_factory=dict)
    shared: dict[Key, Identifier] = field(default_factory=dict)

    def add(self, identifier: Identifier) -> bool:
        known = identifier.key in self.theirs
        self.theirs.setdefault(identifier.key, identifier)
        return not known

    def widen(self) -> bool:
        """Take in what is one step away and theirs; whether there was anything."""
        rows = self._rows(self.theirs, either=True)
        beside = {each.key: each for row in rows for each in (_source(row), _target(row))}
        for identifier in list(self.theirs.values()):
            if identifier.kind is IdentifierKind.EMAIL:
                beside |= self._users_with(identifier)
        grown = False
        for key, identifier in sorted(beside.items()):
            if key not in self.theirs and self._is_theirs(identifier):
                grown |= self.add(identifier)
        return grown

    def _is_theirs(self, identifier: Identifier) -> bool:
        match identifier.kind:
            case IdentifierKind.EMAIL:
                return self._owned(identifier)
            case IdentifierKind.USER_ID | IdentifierKind.ID:
                return self._same_user(identifier)
        return bool(self._whose(identifier).keys() & self.theirs.keys()) or self._is_whose(identifier)

    def _owned(self, email: Identifier) -> bool:
        """Whether nobody else has this address."""
        users = self._users_with(email)
        firm = any(row["firm"] for row in self._rows([email.key]))
        if len(users) > 1:
            self.shared[email.key] = email
            return False
        return firm and (not users or bool(users.keys() & self.theirs.keys()))

    def _same_user(self, user: Identifier) -> bool:
        """Whether a thing of theirs is this user's, it is a former id of theirs, or the only one with their address."""
        rows = self._rows([user.key], either=True)
        if any(row["source_key"] == user.key and row["target_key"] in self.theirs and _is_user(row) for row in rows):
            return True
        if any(row["firm"] and row["target_key"] == user.key and row["source_key"] in self.theirs for row in rows):
            return True
        emails = [each for each in self.theirs.values() if each.kind is IdentifierKind.EMAIL]
        return self._is_whose(user) or any(self._users_with(email).keys() == {user.key} for email in emails)

    def _is_whose(self, identifier: Identifier) -> bool:
        """Whether something of theirs leads to it, and to nothing else."""
        sources = [_source(row) for row in self._rows([identifier.key]) if row["source_key"] in self.theirs]
        return any(self._whose(source).keys() == {identifier.key} for source in sources)

    def _users_with(self, email: Identifier) -> dict[Key, Identifier]:
        """The users to whom those lead that firmly have this address."""
        users: dict[Key, Identifier] = {}
        for row in self._rows([email.key]):
            if row["firm"]:
                source = _source(row)
                found = {source.key: source} if source.kind is IdentifierKind.USER_ID else self._whose(source)
                users |= {key: user for key, user in found.items() if user.kind is IdentifierKind.USER_ID}
        return users

    def _whose(self, thing: Identifier) -> dict[Key, Identifier]:
        """To whom, or what, an event would have gone that names `thing` alone; nobody, where several are said."""
        rows = [row for row in self._rows([thing.key], either=True) if row["source_key"] == thing.key]
        for kind in IdentifierKind:
            said = [row for row in rows if row["target_kind"] == kind.value]
            weightiest = [row for row in said if row["firm"]] or said
            if weightiest:
                return {row["target_key"]: _target(row) for row in weightiest} if len(weightiest) == 1 else {}
        return {}

    def _rows(self, keys: Iterable[Key], *, either: bool = False) -> Sequence[RowMapping]:
        """Live statements that lead to one of `keys`, or with `either` also those that lead on from it."""
        found: list[RowMapping] = []
        for some in parts(sorted(keys)):
            target, source = identities.c.target_key.in_(some), identities.c.source_key.in_(some)
            chosen = or_(target, source) if either else target
            here = (identities.c.workspace_id == self.workspace_id, identities.c.gone_at.is_(None), chosen)
            found += self.connection.execute(select(identities).where(*here)).mappings()
        return found


def _is_user(row: RowMapping) -> bool:
    return bool(row["target_kind"] == IdentifierKind.USER_ID.value)


def _source(row: RowMapping) -> Identifier:
    return Identifier(IdentifierKind(row["source_kind"]), row["source_value"])


def _target(row: RowMapping) -> Identifier:
    return Identifier(IdentifierKind(row["target_kind"]), row["target_value"])


_PREFIXES = {
    "cus_": IdentifierKind.STRIPE_CUSTOMER,
    "ch_": IdentifierKind.STRIPE_CHARGE,
    "py_": IdentifierKind.STRIPE_CHARGE,
    "in_": IdentifierKind.STRIPE_INVOICE,
    "pi_": IdentifierKind.STRIPE_PAYMENT_INTENT,
    "sub_": IdentifierKind.STRIPE_SUBSCRIPTION,
}
_HEX = frozenset("0123456789abcdef")


def named(text: str) -> Identifier:
    """Who is meant by what somebody typed: an address, an id of Stripe's, Intercom's 24 digits, else a user id."""
    if "@" in text:
        return Identifier(IdentifierKind.EMAIL, text)
    kind = next((kind for prefix, kind in _PREFIXES.items() if text.startswith(prefix)), None)
    if kind is None and len(text) == 24 and _HEX.issuperset(text):
        kind = IdentifierKind.ID
    return Identifier(kind or IdentifierKind.USER_ID, text)
