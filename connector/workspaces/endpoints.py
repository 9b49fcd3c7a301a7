"""Endpoints: a workspace's connections to its sources, each with its own address and secrets.  [SQL]

A removed endpoint keeps its row without its secrets, so that late webhooks are known and dropped instead of refused.
Its stream outlives it (all Stripe endpoints of a workspace have one, a Segment source one by its label), so that
an endpoint that is added again, or beside it, brings nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, insert, null, select, update

from connector.database.tables import endpoints
from connector.errors import UsageError
from connector.workspaces import changes
from connector.workspaces.modes import EndpointMode
from connector.workspaces.vault import Place, Vault

TOKEN_BYTES = 32
TRACKING = "segment-tracking"
"""The source of an endpoint that stands in for Segment's tracking API; its events are Segment's like any other's."""
ONE_STREAM = ("stripe",)
"""The sources whose ids name the same thing at every endpoint."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One connection. Times are milliseconds since 1970; a removed one has no secrets.

    What `batch_policy` may be is the inbox's to say (`inbox.sources.source.BatchPolicy`); None is its default.
    """

    id: int
    workspace_id: int
    source: str
    label: str
    stream: str
    mode: EndpointMode
    batch_policy: str | None
    token: str = field(repr=False)
    signing_secrets: tuple[str, ...] = field(repr=False)
    authorization: str | None = field(repr=False)
    restricted_key: str | None = field(repr=False)
    api_version: str | None
    created_at: int
    rotated_at: int | None
    removed_at: int | None
    browser_keys: tuple[str, ...] = field(default=(), repr=False)
    account_id: str | None = None
    remote_id: str | None = None

    @property
    def removed(self) -> bool:
        """Whether what still arrives is to be answered and dropped."""
        return self.removed_at is not None

    @property
    def path(self) -> str:
        """What the sender posts to; as secret as the token in it."""
        if self.source == TRACKING:
            return f"/segment/{self.token}"
        return f"/webhooks/{self.source}/{self.token}"


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What is chosen for a new endpoint; it needs a signing secret or an Authorization header, or both.

    One that is to be made at Stripe with a restricted key gets its secret from there, and takes nothing until then.
    """

    workspace_id: int
    source: str
    label: str = "default"
    mode: EndpointMode = EndpointMode.ANY
    batch_policy: str | None = None
    signing_secret: str | None = field(default=None, repr=False)
    authorization: str | None = field(default=None, repr=False)
    restricted_key: str | None = field(default=None, repr=False)
    browser_key: str | None = field(default=None, repr=False)
    account_id: str | None = None
    made_at_stripe: bool = False


def token_hash(token: str) -> bytes:
    """The key by which an endpoint is looked up; a token has 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def add(connection: Connection, vault: Vault, new: NewEndpoint, *, now: int) -> Endpoint:
    """Add an endpoint with an address of its own. Raises UsageError."""
    if not (new.signing_secret or new.authorization or new.made_at_stripe):
        raise UsageError("an endpoint needs a signing secret or an Authorization header that its sender is to show")
    if _taken(connection, new):
        raise UsageError(
            f"the workspace has a {new.source} endpoint with the label {new.label!r} already: "
            "give this one another label, rotate that one's secret, or remove it first"
        )
    endpoint_id = _insert(connection, new, token := secrets.token_urlsafe(TOKEN_BYTES), now)
    sealed = {
        "token": token,
        "signing_secrets": json.dumps([new.signing_secret]) if new.signing_secret else None,
        "authorization": new.authorization,
        "restricted_key": new.restricted_key,
        "browser_keys": json.dumps([new.browser_key]) if new.browser_key else None,
    }
    seal(connection, vault, endpoint_id, new.workspace_id, sealed)
    changes.bump(connection)
    return get(connection, vault, endpoint_id)


def get(connection: Connection, vault: Vault, endpoint_id: int) -> Endpoint:
    """The endpoint of that id, removed or not. Raises UsageError."""
    row = connection.execute(select(endpoints).where(endpoints.c.id == endpoint_id)).one_or_none()
    if row is None:
        raise UsageError(f"there is no endpoint {endpoint_id}; `connector endpoints list` shows them")
    return _endpoint(row, vault)


def page(
    connection: Connection,
    vault: Vault,
    *,
    workspace_id: int | None = None,
    removed: bool = True,
    limit: int | None = None,
    after: int = 0,
) -> Sequence[Endpoint]:
    """Endpoints in the order in which they were added, from behind the id `after`."""
    query = select(endpoints).where(endpoints.c.id > after).order_by(endpoints.c.id).limit(limit)
    if workspace_id is not None:
        query = query.where(endpoints.c.workspace_id == workspace_id)
    if not removed:
        query = query.where(endpoints.c.removed_at.is_(None))
    return [_endpoint(row, vault) for row in connection.execute(query)]


def rotate(
    connection: Connection, vault: Vault, endpoint: Endpoint, *, new: str | None, drop_old: bool, now: int
) -> Endpoint:
    """Take `new` as a further signing secret, the first from now on; `drop_old` leaves only the first. UsageError."""
    if endpoint.removed:
        raise UsageError(f"endpoint {endpoint.id} is removed")
    kept = tuple(dict.fromkeys(([new] if new else []) + list(endpoint.signing_secrets)))
    if drop_old:
        kept = kept[:1]
    if kept == endpoint.signing_secrets:
        raise UsageError(f"endpoint {endpoint.id} has exactly these signing secrets already")
    sealed = {"signing_secrets": json.dumps(kept)}
    seal(connection, vault, endpoint.id, endpoint.workspace_id, sealed)
    connection.execute(update(endpoints).where(endpoints.c.id == endpoint.id).values(rotated_at=now))
    changes.bump(connection)
    return get(connection, vault, endpoint.id)


def remove(connection: Connection, endpoint_id: int, *, now: int) -> bool:
    """Mark an endpoint as removed and erase its secrets; whether it was there."""
    return _remove(connection, endpoints.c.id == endpoint_id, now) > 0


def remove_all(connection: Connection, workspace_id: int, *, now: int) -> int:
    """Remove every endpoint of a workspace; how many there were."""
    return _remove(connection, endpoints.c.workspace_id == workspace_id, now)


def _remove(connection: Connection, chosen: ColumnElement[bool], now: int) -> int:
    erased: dict[str, Any] = {"signing_secrets": None, "authorization": None, "browser_keys": None, "removed_at": now}
    # the key of one that we made at Stripe is kept until it is deleted there: see `remote`
    erased["restricted_key"] = case((endpoints.c.remote_id.is_(None), null()), else_=endpoints.c.restricted_key)
    removed = connection.execute(
        update(endpoints).where(chosen, endpoints.c.removed_at.is_(None)).values(erased)
    ).rowcount
    if removed:
        changes.bump(connection)
    return removed


def _taken(connection: Connection, new: NewEndpoint) -> bool:
    query = select(endpoints.c.id).where(
        endpoints.c.workspace_id == new.workspace_id,
        endpoints.c.source == new.source,
        endpoints.c.label == new.label,
        endpoints.c.removed_at.is_(None),
    )
    return connection.execute(query).first() is not None


def _insert(connection: Connection, new: NewEndpoint, token: str, now: int) -> int:
    """The row without its secrets: sealing them takes the row's id."""
    row = {
        "workspace_id": new.workspace_id,
        "source": new.source,
        "label": new.label,
        "stream": _stream(connection, new),
        "account_id": new.account_id,
        "mode": new.mode,
        "batch_policy": new.batch_policy,
        "token_hash": token_hash(token),
        "token": b"",
        "created_at": now,
    }
    endpoint_id: int = connection.scalars(insert(endpoints).values(row).returning(endpoints.c.id)).one()
    return endpoint_id


def _stream(connection: Connection, new: NewEndpoint) -> str:
    """What an endpoint's messages are told apart by from those of other streams.

    All Stripe endpoints of a workspace share one: an id of Stripe's names one event, whatever endpoint, key or poll it
    came by, and a pasted signing secret does not tell which account it belongs to. A Segment source makes its own ids.
    """
    if new.source not in ONE_STREAM:
        return f"{new.source}:{new.label}"
    query = (
        select(endpoints.c.stream)
        .where(endpoints.c.workspace_id == new.workspace_id, endpoints.c.source == new.source)
        .order_by(endpoints.c.id)
        .limit(1)
    )
    return connection.scalar(query) or new.source


def seal(
    connection: Connection, vault: Vault, endpoint_id: int, workspace_id: int, plain: Mapping[str, str | None]
) -> None:
    """Encrypt `plain` into the endpoint's columns of those names; None leaves a column as it is."""
    sealed = {
        column: vault.seal(text, Place("endpoints", endpoint_id, column, workspace_id))
        for column, text in plain.items()
        if text is not None
    }
    connection.execute(update(endpoints).where(endpoints.c.id == endpoint_id).values(sealed))


def _endpoint(row: Row[Any], vault: Vault) -> Endpoint:
    def opened(column: str) -> str | None:
        sealed: bytes | None = getattr(row, column)
        return None if sealed is None else vault.open(sealed, Place("endpoints", row.id, column, row.workspace_id))

    return Endpoint(
        id=row.id,
        workspace_id=row.workspace_id,
        source=row.source,
        label=row.label,
        stream=row.stream,
        mode=EndpointMode(row.mode),
        batch_policy=row.batch_policy,
        token=opened("token") or "",
        signing_secrets=tuple(json.loads(opened("signing_secrets") or "[]")),
        authorization=opened("authorization"),
        restricted_key=opened("restricted_key"),
        api_version=row.api_version,
        created_at=row.created_at,
        rotated_at=row.rotated_at,
        removed_at=row.removed_at,
        browser_keys=tuple(json.loads(opened("browser_keys") or "[]")),
        account_id=row.account_id,
        remote_id=row.remote_id,
    )
