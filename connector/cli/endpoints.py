"""`connector endpoints`: where a workspace's sources send their webhooks, and what they sign them with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import pages
from connector.cli.options import Cursor, Json, Limit, OfWorkspace, choice, secret
from connector.cli.output import Page, moment, remark, show_item, show_page
from connector.errors import UsageError
from connector.workspaces.modes import EndpointMode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector.cli.session import Session
    from connector.workspaces.endpoints import Endpoint

app = typer.Typer(help="Where Stripe and Segment send webhooks, and what they sign them with.")
COLUMNS = ("id", "workspace", "source", "label", "mode", "signing_secrets", "authorization", "created_at")

EndpointId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The endpoint's number.", show_default=False)]
Stdin = "; - reads it from stdin."


def _sources() -> Iterable[str]:
    from connector.inbox.sources import SOURCES

    return SOURCES


def _policies() -> Iterable[str]:
    from connector.inbox.sources.source import BatchPolicy

    return [policy.value for policy in BatchPolicy]


OfSource = Annotated[str, choice("--source", help="Who sends: stripe or segment.", load=_sources)]
SigningSecret = Annotated[
    str | None, typer.Option(help="What it signs with (whsec_… at Stripe)" + Stdin, show_default=False)
]
Authorization = Annotated[
    str | None, typer.Option(help="The Authorization header it is to show, instead or as well" + Stdin)
]
Policy = Annotated[
    str | None,
    choice(
        "--batch-policy",
        help="Of a Segment batch: first-event-signed, whole-body-signed or refuse-batches.",
        load=_policies,
    ),
]
RestrictedKey = Annotated[str | None, typer.Option(help="Stripe's rk_… key, kept for look-ups" + Stdin)]


@app.command("add")
def add(
    *,
    workspace: Annotated[str, typer.Option(metavar="APP_ID", help="The workspace's id.", show_default=False)],
    source: OfSource,
    signing_secret: SigningSecret = None,
    authorization: Authorization = None,
    label: Annotated[str, typer.Option(help="Tells several endpoints of one source apart.")] = "default",
    mode: Annotated[EndpointMode, typer.Option(help="Which of Stripe's modes count.")] = EndpointMode.ANY,
    batch_policy: Policy = None,
    restricted_key: RestrictedKey = None,
    json: Json = False,
) -> None:
    """Add an endpoint and print the address to enter at Stripe or Segment."""
    from connector.cli.session import run
    from connector.workspaces import endpoints
    from connector.workspaces.endpoints import NewEndpoint

    _refuse_what_does_not_apply(source, signing_secret, authorization, batch_policy, restricted_key)

    async def work(session: Session) -> dict[str, Any]:
        found = await session.workspace(workspace)
        new = NewEndpoint(
            found.id,
            source,
            _label(label),
            mode,
            batch_policy,
            secret(signing_secret, "--signing-secret"),
            secret(authorization, "--authorization"),
            secret(restricted_key, "--restricted-key"),
        )
        added = await session.database.transact(endpoints.add, session.vault, new, now=session.now)
        return with_address(added, found.app_id, session.settings.public_url)

    show_item(run(work), as_json=json)


@app.command("list")
def list_endpoints(
    *, workspace: OfWorkspace = None, limit: Limit = 50, cursor: Cursor = None, json: Json = False
) -> None:
    """Endpoints in the order in which they were added. Their addresses are secrets: `show` prints them."""
    from connector.cli.session import run
    from connector.workspaces import endpoints

    after = pages.after_id(cursor)

    async def work(session: Session) -> Page:
        only = await session.workspace_id(workspace)
        app_ids = await session.app_ids()
        found = await session.database.read(
            endpoints.page, session.vault, workspace_id=only, removed=False, limit=limit + 1, after=after
        )
        return pages.cut(
            found, limit, lambda each: document(each, app_ids[each.workspace_id]), lambda each: str(each.id)
        )

    empty = (
        "there is no endpoint yet. Add one: connector endpoints add --workspace ID --source stripe --signing-secret -"
    )
    show_page(run(work), as_json=json, columns=COLUMNS, empty=empty)


@app.command("show")
def show(endpoint_id: EndpointId, *, json: Json = False) -> None:
    """One endpoint with its address."""
    from connector.cli.session import run

    show_item(run(lambda session: _shown(session, endpoint_id)), as_json=json)


@app.command("rotate")
def rotate(
    endpoint_id: EndpointId,
    *,
    signing_secret: Annotated[str | None, typer.Option(help="The new secret" + Stdin, show_default=False)] = None,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Take no webhook signed with an older one.")] = False,
    json: Json = False,
) -> None:
    """Take a further signing secret, the old one staying good until `rotate ID --drop-old`."""
    from connector.cli.session import run
    from connector.workspaces import endpoints

    if signing_secret is None and not drop_old:
        raise UsageError("nothing to do: give --signing-secret, --drop-old, or both")
    new = secret(signing_secret, "--signing-secret")

    async def work(session: Session) -> dict[str, Any]:
        found = await session.database.read(endpoints.get, session.vault, endpoint_id)
        await session.database.transact(
            endpoints.rotate, session.vault, found, new=new, drop_old=drop_old, now=session.now
        )
        return await _shown(session, endpoint_id)

    item = run(work)
    show_item(item, as_json=json)
    if item["signing_secrets"] > 1:
        remark(f"once the sender signs with the new one only: connector endpoints rotate {endpoint_id} --drop-old")


@app.command("remove")
def remove(endpoint_id: EndpointId, *, json: Json = False) -> None:
    """Forget its secrets. What is sent there later is answered 200 and dropped."""
    from connector.cli.session import run
    from connector.workspaces import endpoints

    async def work(session: Session) -> dict[str, Any]:
        await session.database.read(endpoints.get, session.vault, endpoint_id)
        await session.database.transact(endpoints.remove, endpoint_id, now=session.now)
        return await _shown(session, endpoint_id)

    show_item(run(work), as_json=json)


def document(endpoint: Endpoint, app_id: str) -> dict[str, Any]:
    """An endpoint as commands show it: of its secrets only how many there are."""
    return {
        "id": endpoint.id,
        "workspace": app_id,
        "source": endpoint.source,
        "label": endpoint.label,
        "stream": endpoint.stream,
        "mode": endpoint.mode,
        "batch_policy": endpoint.batch_policy,
        "signing_secrets": len(endpoint.signing_secrets),
        "authorization": "set" if endpoint.authorization else None,
        "restricted_key": "set" if endpoint.restricted_key else None,
        "created_at": moment(endpoint.created_at),
        "rotated_at": moment(endpoint.rotated_at),
        "removed_at": moment(endpoint.removed_at),
    }


def with_address(endpoint: Endpoint, app_id: str, public_url: str) -> dict[str, Any]:
    """The same with the address that its sender posts to."""
    return {**document(endpoint, app_id), "url": public_url + endpoint.path, "path": endpoint.path}


async def _shown(session: Session, endpoint_id: int) -> dict[str, Any]:
    from connector.workspaces import endpoints, store

    found = await session.database.read(endpoints.get, session.vault, endpoint_id)
    workspace = await session.database.read(store.get, session.vault, found.workspace_id)
    return with_address(found, workspace.app_id, session.settings.public_url)


def _label(text: str) -> str:
    from connector.events import display

    if not text or text != display(text) or not text.isprintable():
        raise UsageError("--label takes 1 … 255 printable characters")
    return text


def _refuse_what_does_not_apply(
    source: str, signing_secret: str | None, authorization: str | None, batch_policy: str | None, key: str | None
) -> None:
    if source == "stripe" and not signing_secret:
        raise UsageError(
            "Stripe signs every webhook: give --signing-secret (whsec_…, shown beside the endpoint at Stripe)"
        )
    if source == "stripe" and (authorization or batch_policy):
        raise UsageError(
            "--authorization and --batch-policy are for Segment: Stripe shows no header and sends no batch"
        )
    if source != "stripe" and key:
        raise UsageError("--restricted-key is for Stripe")
