"""Who somebody is here, by the claims of an ID token that was found to be good.  Pure.

A role comes from one claim: the e-mail address (which the provider must have verified) by an allow-list of addresses
and domains, or any other, groups for example. The one with the most rights of those that fit counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from connector.console.roles import Role
from connector.console.users import LONGEST_NAME, OUTSIDE
from connector.events import digest

Claims: TypeAlias = Mapping[str, Any]
"""Of an ID token."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may come in, under the name that the audit will say."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class NotLetIn:
    """Somebody the provider knows and we do not let in, and why, as a sentence."""

    name: str
    why: str


def person(claims: Claims, *, role_claim: str, roles: Mapping[str, Role]) -> Person | NotLetIn:
    """Who this is, and as what."""
    name = _name(claims)
    if role_claim == "email" and not _verified(claims):
        return NotLetIn(name, "the identity provider does not say that it has verified the e-mail address")
    found = [roles[value] for value in _values(claims, role_claim) if value in roles]
    if not found:
        return NotLetIn(name, f"CONNECTOR_OIDC_ROLES gives no role for the claim {role_claim!r} of this account")
    return Person(name, max(found, key=list(Role).index))


def _values(claims: Claims, role_claim: str) -> Iterator[str]:
    if role_claim == "email":
        address = str(claims.get("email", "")).casefold()
        yield address
        yield "@" + address.rpartition("@")[2]
        return
    value = claims.get(role_claim)
    yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))


def _verified(claims: Claims) -> bool:
    """Some providers send it as text."""
    address = claims.get("email")
    return isinstance(address, str) and "@" in address and claims.get("email_verified") in (True, "true")


def _name(claims: Claims) -> str:
    """The verified address, else the provider's own id; no local user can have such a name."""
    said = str(claims["email"]) if _verified(claims) else str(claims["sub"])
    name = OUTSIDE + said
    if name.isprintable() and len(name) <= LONGEST_NAME:
        return name
    return OUTSIDE + digest("oidc", said).hex()
