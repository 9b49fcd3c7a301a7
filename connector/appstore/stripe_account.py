"""A workspace's Stripe account, connected by a restricted key: the key checked, one endpoint made for each mode.

The endpoint is found again by its owner, the workspace's id, so that connecting twice makes no second one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from sqlalchemy import Connection

from connector.appstore.parts import Parts
from connector.errors import UsageError
from connector.stripe_api import endpoints as stripe_endpoints
from connector.stripe_api.account import Account, NoKey, Permission, check_key
from connector.stripe_api.answers import Found, Missing, Refused, TryLater
from connector.stripe_api.endpoints import Ensured, Wanted
from connector.sync.wanted_types import LEARNT
from connector.workspaces import endpoints, remote
from connector.workspaces.endpoints import Endpoint, NewEndpoint
from connector.workspaces.modes import EndpointMode
from connector.workspaces.store import Workspace

WRITES = "Webhook Endpoints"


@dataclass(frozen=True, slots=True)
class Connected:
    """The account is connected; `missing` are the permissions that the key was not given, and what each is for."""

    endpoint: Endpoint
    account: Account
    done: str
    missing: tuple[Permission, ...]


@dataclass(frozen=True, slots=True)
class NotConnected:
    """Nothing was changed; `why` is a sentence for the person who gave the key, `missing` permissions by name."""

    why: str
    missing: tuple[Permission, ...] = field(default=())


Connecting: TypeAlias = Connected | NotConnected


async def connect(parts: Parts, workspace: Workspace, key: str, label: str) -> Connecting:
    """Connect the account that `key` opens, or renew the key of one that is connected."""
    checked = await check_key(parts.stripe, key)
    match checked:
        case NoKey(words=words):
            return NotConnected(_sentence(words))
        case TryLater():
            return NotConnected("Stripe does not answer usably at the moment. Try again in a minute.")
    if checked.kind != "restricted":
        return NotConnected(
            "This is a secret key, which may do everything in your account. Make a restricted key (rk_…) instead: it "
            "needs only the permissions listed below."
        )
    if any(each.resource == WRITES for each in checked.missing):
        return NotConnected(
            "The key lacks permissions, so that no webhook endpoint can be made with it.", checked.missing
        )
    try:
        endpoint = await parts.database.transact(_prepared, parts, workspace, checked, key, label)
    except UsageError as error:
        return NotConnected(_sentence(str(error)))
    return await _ensured(parts, workspace, checked, endpoint)


async def delete_at_stripe(parts: Parts, endpoint: Endpoint) -> bool:
    """Delete an endpoint that we made at Stripe; whether there is nothing left to do there."""
    if endpoint.remote_id is None or endpoint.restricted_key is None:
        return True
    match await stripe_endpoints.delete(parts.stripe, endpoint.restricted_key, endpoint.remote_id):
        case Found() | Missing() | Refused():  # a key that is refused now will not be taken later
            return True
        case _:
            return False


def types(parts: Parts, workspace: Workspace) -> tuple[str, ...]:
    """The event types that a workspace's endpoints are to be sent: those that its mapping asks for, and LEARNT."""
    return stripe_endpoints.types_in_use(parts.mappings.rules()(workspace).catalog.triggers("stripe"), LEARNT)


async def update_types(parts: Parts, workspace: Workspace) -> None:
    """Have Stripe send what the workspace's choices ask for now; where it does not answer, the next look does it."""
    wanted = types(parts, workspace)
    theirs = await parts.database.read(endpoints.page, parts.vault, workspace_id=workspace.id, removed=False)
    for each in theirs:
        if each.remote_id is not None and each.restricted_key is not None:
            await stripe_endpoints.set_types(parts.stripe, each.restricted_key, each.remote_id, wanted)


def _prepared(
    connection: Connection, parts: Parts, workspace: Workspace, account: Account, key: str, label: str
) -> Endpoint:
    """Our side of it: the endpoint that the account has, with the new key, or a new one that takes nothing yet."""
    mode = EndpointMode.LIVE if account.live else EndpointMode.TEST
    if account.id is not None:
        found = remote.of_account(connection, parts.vault, workspace.id, account.id, mode)
        if found is not None:
            return remote.change_key(connection, parts.vault, found, key)
    new = NewEndpoint(
        workspace.id,
        "stripe",
        label or _label(account),
        mode,
        restricted_key=key,
        account_id=account.id,
        made_at_stripe=True,
    )
    return endpoints.add(connection, parts.vault, new, now=parts.now())


async def _ensured(parts: Parts, workspace: Workspace, account: Account, endpoint: Endpoint) -> Connecting:
    key = endpoint.restricted_key or ""
    wanted = Wanted(workspace.app_id, parts.settings.public_url + endpoint.path, types(parts, workspace))
    known = bool(endpoint.signing_secrets)
    ensured = await stripe_endpoints.ensure(parts.stripe, key, wanted, secret_known=known)
    if not isinstance(ensured, Ensured):
        if endpoint.remote_id is None and not known:
            await parts.database.transact(endpoints.remove, endpoint.id, now=parts.now())
        return NotConnected(_why_not(ensured), account.missing)
    found = ensured.endpoint
    made = await parts.database.transact(
        remote.made, parts.vault, endpoint, remote_id=found.id, secret=found.secret, version=found.version or ""
    )
    await parts.directory.reload()
    return Connected(made, account, ensured.done, account.missing)


def _why_not(answer: Refused | TryLater) -> str:
    if isinstance(answer, TryLater):
        return "Stripe does not answer usably at the moment. Try again in a minute: nothing will be made twice."
    return f"Stripe made no webhook endpoint. It says: {answer.words}"


def _label(account: Account) -> str:
    name = (account.name or account.id or "Stripe")[:200]
    return name if account.live else f"{name} (test)"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."
