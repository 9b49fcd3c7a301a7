"""Sets are deployed whole or not at all, one is in use, and there is always a way back; on both databases."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.catalogues import store
from connector.catalogues.changed import changes
from connector.catalogues.deploying import Refused, roll_back
from connector.catalogues.mapping_set import MOST_BYTES, SHIPPED_ALONE, MappingSet
from connector.database.engine import Database
from connector.database.tables import audit, service
from connector.errors import UsageError
from connector.outbox import event_names
from connector.outbox.delivery import name_key
from connector.outbox.event_names import EventName
from tests.catalogues.conftest import HEAD, NOW, add_workspace, built, mapping_set, put, put_ok, rule

FIRST, SECOND = mapping_set(), mapping_set(rule("closed-invoice"))


async def in_use(database: Database) -> str | None:
    return await database.read(store.active_digest)


async def rolled_back(database: Database) -> str:
    found = await database.read(store.before_active)
    assert found is not None
    return (await database.transact(roll_back, found.digest, by="ada", now=NOW)).digest


async def test_a_deployed_set_is_in_use_and_comes_back_as_it_was_written(database: Database):
    assert (await in_use(database), await database.read(store.active)) == (None, SHIPPED_ALONE)
    done = await put_ok(database, FIRST)
    assert (done.digest, done.before, done.changed) == (FIRST.digest, None, True)
    assert await in_use(database) == FIRST.digest
    assert await database.read(store.active) == FIRST


async def test_the_same_set_again_changes_nothing(database: Database):
    await put_ok(database, FIRST)
    assert not (await put_ok(database, FIRST)).changed


async def test_who_deployed_what_and_when_is_kept(database: Database):
    await put_ok(database, FIRST, by="ada")
    await put_ok(database, SECOND, by="grace", now=NOW + 5)
    [second, first, shipped] = await database.read(store.page, limit=10)
    assert [each.deployed_by for each in (second, first, shipped)] == ["grace", "ada", "connector"]
    assert [each.active for each in (second, first, shipped)] == [True, False, False]
    assert (second.deployed_at, sorted(second.set.documents)) == (NOW + 5, ["own.yaml"])
    actions = await database.read(lambda c: list(c.scalars(sa.select(audit.c.actor).order_by(audit.c.id))))
    assert actions == ["ada", "grace"]


async def test_a_set_with_mistakes_is_refused_whole_and_the_running_one_stays(database: Database):
    await put_ok(database, FIRST)
    wrong = MappingSet({**SECOND.documents, "wrong.yaml": HEAD + "  - {trigger: invoice.paid, name: Bad Name}\n"})
    refused = await put(database, wrong)
    assert isinstance(refused, Refused)
    [problem] = refused.problems
    assert problem.startswith("wrong.yaml:5:")
    assert await in_use(database) == FIRST.digest
    assert len(await database.read(store.page, limit=10)) == 2


async def test_rolling_back_goes_one_deployment_back_each_time_to_the_shipped_catalogue(database: Database):
    third = mapping_set(rule("filed-invoice"))
    for found in (FIRST, SECOND, third):
        await put_ok(database, found)
    assert [await rolled_back(database) for _ in range(3)] == [SECOND.digest, FIRST.digest, SHIPPED_ALONE.digest]
    assert await database.read(store.before_active) is None
    await put_ok(database, SECOND)  # and forward again: it is the newest now
    assert await rolled_back(database) == third.digest


@pytest.mark.parametrize("digest", ["", "ffff", "%", "_" * 32])
async def test_a_digest_that_is_not_there_is_said(database: Database, digest: str):
    await put_ok(database, FIRST)
    with pytest.raises(UsageError, match="no mapping set"):
        await database.read(store.starting_with, digest)


async def test_a_set_is_found_by_how_its_digest_begins(database: Database):
    await put_ok(database, FIRST)
    assert (await database.read(store.starting_with, FIRST.digest[:8])).set == FIRST


async def test_two_who_deploy_at_once_leave_one_set_in_use_and_both_to_go_back_to(database: Database):
    await put_ok(database, mapping_set(rule("filed-invoice")))
    await asyncio.gather(*(put_ok(database, found) for found in (FIRST, SECOND) * 3))
    assert await in_use(database) in (FIRST.digest, SECOND.digest)
    assert await database.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(service))) == 1
    moments = [each.deployed_at for each in await database.read(store.page, limit=10)]
    assert len(set(moments)) == len(moments) == 4


async def test_a_type_that_was_sent_is_not_changed_by_a_deployment(database: Database):
    for workspace_id, kind in ((1, "money"), (2, "money"), (3, "number")):
        name = EventName(workspace_id, name_key("settled-invoice"), "settled-invoice", {"amount": kind}, NOW, None, NOW)
        await database.transact(event_names.save, [name])
    refused = await put(database, FIRST)
    assert isinstance(refused, Refused)
    [problem] = refused.problems
    assert "own.yaml:5:" in problem
    assert "`amount` of `settled-invoice` would be number, and 2 workspaces have sent it as money" in problem
    assert "new key" in problem
    await put_ok(database, mapping_set(rule("filed-invoice")))
    await put_ok(database, mapping_set(rule(key="paid: {number: data.object.amount_paid}")))


async def test_what_stands_in_for_money_is_no_drift_of_it(database: Database):
    frozen = {"price_amount": "number", "price_currency": "text"}
    name = EventName(1, name_key("settled-invoice"), "settled-invoice", frozen, NOW, None, NOW)
    await database.transact(event_names.save, [name])
    await put_ok(
        database, mapping_set(rule(key="price: {money: data.object.amount_paid, currency: data.object.currency}"))
    )


async def test_a_set_that_would_break_a_workspaces_own_entries_is_refused(database: Database):
    await put_ok(database, FIRST)
    switch = "version: 1\nsource: stripe\ncontact: {email: type}\nevents:\n  - {id: own, enabled: false}\n"
    own = json.dumps({"entries": switch})
    await add_workspace(database, settings=own)
    refused = await put(database, mapping_set(rule("closed-invoice", id_="another")))
    assert isinstance(refused, Refused)
    assert "workspace app-1" in refused.problems[0]
    assert "`own`" in refused.problems[0]


def test_a_megabyte_of_rules_in_one_file_is_a_problem_and_no_crash():
    found = MappingSet({"own.yaml": HEAD + rule() * 12_000})
    assert len(found.documents["own.yaml"]) > 1_000_000
    assert not built(found).ok


def test_more_than_a_set_may_hold_is_not_even_read(tmp_path: Path):
    (tmp_path / "big.yaml").write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(UsageError, match="larger than"):
        MappingSet.of_folder(tmp_path)


def test_bytes_that_are_no_text_are_a_problem_with_its_place(tmp_path: Path):
    (tmp_path / "own.yaml").write_bytes(HEAD.encode() + b"  - {id: \xff}\n")
    found = built(MappingSet.of_folder(tmp_path))
    assert [(each.file, each.warning) for each in found.problems] == [("own.yaml", False)]


def test_what_changes_is_said_in_words():
    before = built(mapping_set(rule(), rule("filed-invoice", id_="gone"))).catalog
    after = built(
        MappingSet(
            {
                "own.yaml": HEAD
                + rule(key="amount: {text: data.object.amount_paid}, plan: data.object.id")
                + rule("closed-invoice", id_="new")
                + '  - {id: "segment:track *", enabled: true}\n'
            }
        )
    ).catalog
    assert [(each.how, each.id, each.what) for each in changes(before, after)] == [
        ("added", "new", ("amount: number",)),
        ("changed", "own", ("amount: number → text", "+ plan: text")),
        ("turned on", "segment:track *", ()),
        ("removed", "gone", ()),
    ]


def test_a_description_is_no_change():
    other = HEAD + rule().replace("id: own", "id: own, description: Something else")
    assert changes(built(FIRST).catalog, built(MappingSet({"own.yaml": other})).catalog) == []
