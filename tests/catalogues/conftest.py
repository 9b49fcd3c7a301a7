"""Mapping sets as an operator writes them, and a place to deploy them to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.catalogues.built import Built, build
from connector.catalogues.deploying import Deployed, Result, deploy
from connector.catalogues.mapping_set import MappingSet
from connector.database.engine import Database
from connector.database.tables import workspaces
from connector.mapping.review import Checks

NOW = 1_763_687_761_000
HEAD = "version: 1\nsource: stripe\ncontact: {email: data.object.customer_email}\nevents:\n"


def rule(
    name: str = "settled-invoice", key: str = "amount: {number: data.object.amount_paid}", id_: str = "own"
) -> str:
    """One entry as YAML."""
    return f"  - {{trigger: invoice.paid, id: {id_}, name: {name}, metadata: {{{key}}}}}\n"


def mapping_set(*rules: str, file: str = "own.yaml") -> MappingSet:
    return MappingSet({file: HEAD + "".join(rules or (rule(),))})


def built(found: MappingSet) -> Built:
    return build(found, Checks())


Deploy = Callable[..., object]


async def put(
    database: Database, found: MappingSet, *, now: int = NOW, by: str = "ada", folder: bool = False
) -> Result:
    return await database.transact(deploy, built(found), by=by, now=now, from_folder=folder)


async def put_ok(database: Database, found: MappingSet, **more: object) -> Deployed:
    result = await put(database, found, **more)  # type: ignore[arg-type]
    assert isinstance(result, Deployed), result
    return result


async def add_workspace(database: Database, workspace_id: int = 1, settings: str = "{}") -> None:
    row = {
        "id": workspace_id,
        "app_id": f"app-{workspace_id}",
        "region": "us",
        "time_zone": "UTC",
        "language": "en",
        "mode": "live",
        "settings": settings,
        "created_at": NOW,
        "updated_at": NOW,
    }
    await database.transact(lambda connection: connection.execute(sa.insert(workspaces).values(row)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one rule of the operator's."""
    made = tmp_path / "mine"
    made.mkdir()
    (made / "own.yaml").write_text(HEAD + rule())
    return made
