"""What a process maps by: the set in use, followed; each workspace's choices over it; a folder that deploys itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from connector.catalogues import built as built_module
from connector.catalogues import folder as folders
from connector.catalogues import store
from connector.catalogues.deploying import REFUSED, Deployed, Refused, roll_back
from connector.catalogues.folder import Folder
from connector.catalogues.in_use import Mappings
from connector.catalogues.mapping_set import SHIPPED_ALONE, MappingSet
from connector.database.engine import Database
from connector.mapping.context import Options
from connector.outbox import alerts
from connector.telemetry.facts import AlertOpened, MappingsRefused
from connector.workspaces.modes import Mode, Region
from connector.workspaces.store import Workspace
from tests.catalogues.conftest import HEAD, NOW, built, mapping_set, put_ok, rule

BROKEN = "version: 1\nsource: stripe\nevents: [{id: nobody, enabled: true}]\n"


def workspace(workspace_id: int = 1, **settings: Any) -> Workspace:
    more: dict[str, Any] = {"name": None, "token": None, "mode_reason": None, "mode_before": None}
    zone, language = settings.pop("time_zone", "UTC"), settings.pop("language", "en")
    return Workspace(
        workspace_id,
        "app",
        region=Region.US,
        time_zone=zone,
        language=language,
        mode=Mode.LIVE,
        settings=settings,
        created_at=NOW,
        updated_at=NOW,
        **more,
    )


@pytest.fixture
async def mappings(database: Database, told: list[object]) -> Mappings:
    made = Mappings(database, Options(), told.append)  # type: ignore[arg-type]
    await made.start()
    return made


async def test_every_process_follows_what_is_deployed_and_taken_back(database: Database, mappings: Mappings):
    other = Mappings(database, Options(), lambda _fact: None)
    await other.start()
    await put_ok(database, mapping_set())
    assert [await each.follow() for each in (mappings, other)] == [True, True]
    assert mappings.digest == other.digest == mapping_set().digest
    assert not await mappings.follow()
    await database.transact(roll_back, SHIPPED_ALONE.digest, by="ada", now=NOW)
    assert await mappings.follow()
    assert mappings.digest == SHIPPED_ALONE.digest


async def test_who_maps_goes_on_with_the_set_that_it_began_with(database: Database, mappings: Mappings):
    rules = mappings.rules()
    await put_ok(database, mapping_set())
    await mappings.follow()
    assert rules(None).digest.startswith(SHIPPED_ALONE.digest)
    assert mappings.rules()(None).digest.startswith(mapping_set().digest)


async def test_a_set_that_this_version_cannot_use_is_told_once_and_what_runs_goes_on(
    database: Database, mappings: Mappings, told: list[object], monkeypatch: pytest.MonkeyPatch
):
    await put_ok(database, mapping_set())
    await mappings.follow()
    await _smuggle(database, MappingSet({"own.yaml": BROKEN}))
    assert [await mappings.follow() for _ in range(3)] == [False, False, False]
    assert mappings.digest == mapping_set().digest
    [refused] = [fact for fact in told if isinstance(fact, MappingsRefused)]
    assert "nobody" in refused.first
    await put_ok(database, mapping_set(rule("closed-invoice")))
    assert await mappings.follow()


async def _smuggle(database: Database, found: MappingSet) -> None:
    """In use without having been checked: as a newer version, whose catalogue has that entry, may deploy it."""
    made = built(found)

    def work(connection: Any) -> None:
        store.keep(connection, made, by="another version", from_folder=False, now=NOW)
        store.activate(connection, found.digest, by="another version", how="deploy", now=NOW)

    await database.transact(work)


async def test_two_versions_of_the_shipped_catalogue_follow_one_set_and_nothing_goes_back_and_forth(
    database: Database, mappings: Mappings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    await put_ok(database, mapping_set())
    await mappings.follow()
    (tmp_path / "older" / "stripe").mkdir(parents=True)
    (tmp_path / "older" / "stripe" / "bills.yaml").write_text(HEAD + rule("filed-invoice", id_="shipped-before"))
    with monkeypatch.context() as patched:
        patched.setattr("connector.catalogues.built.shipped_folder", lambda: tmp_path / "older")
        built_module._shipped.cache_clear()
        other = Mappings(database, Options(), lambda _fact: None)
        await other.start()
    built_module._shipped.cache_clear()
    assert {entry.id for entry in other.catalog.entries} == {"own", "shipped-before"}
    assert not any([await each.follow() for each in (mappings, other) * 3])
    assert other.digest == mappings.digest
    made_by = {each.rules()(None).digest.partition("-") for each in (mappings, other)}
    assert len(made_by) == 2  # a delivery says which of the two made it
    assert {each[0] for each in made_by} == {mapping_set().digest}


async def test_nothing_is_paid_for_choices_while_nobody_changes_them(mappings: Mappings):
    rules, chosen = mappings.rules(), workspace(families={"stripe/invoices": False})
    assert rules(chosen) is rules(chosen)
    again = rules(workspace(2, families={"stripe/invoices": False}))
    assert again.catalog is rules(chosen).catalog  # equal choices of another workspace
    assert rules(workspace(3)).catalog is mappings.catalog


async def test_a_family_is_off_and_one_event_of_it_is_on(mappings: Mappings):
    family = mappings.built.families["stripe:paid-invoice"]
    others = [id_ for id_, name in mappings.built.families.items() if name == family and id_ != "stripe:paid-invoice"]
    rules = mappings.rules()(workspace(families={family: False}, events={"stripe:paid-invoice": True}))
    on = {entry.id for entry in rules.catalog.entries if entry.enabled}
    assert "stripe:paid-invoice" in on
    assert others
    assert not on & set(others)
    assert rules.digest != mappings.rules()(None).digest


async def test_own_entries_lie_over_the_catalogues_and_beat_their_family(mappings: Mappings):
    own = HEAD + rule("settled-invoice", id_='"stripe:paid-invoice"')
    family = mappings.built.families["stripe:paid-invoice"]
    rules = mappings.rules()(workspace(entries=own, families={family: False}))
    [entry] = rules.catalog.select("stripe", "invoice.paid")
    assert entry.name == "settled-invoice"


async def test_own_entries_that_do_not_fit_are_left_out_and_told_once(
    mappings: Mappings, told: list[object], database: Database
):
    rules = mappings.rules()
    for n in range(2):
        found = rules(workspace(7, entries=BROKEN, families={"stripe/invoices": False}, metadata_keys=12 + n))
        assert {e.id for e in found.catalog.entries} == {e.id for e in mappings.catalog.entries}
    [alert] = [fact for fact in told if isinstance(fact, AlertOpened)]
    assert (alert.workspace_id, alert.kind) == (7, "choices_broken")
    await mappings.follow()
    [kept] = await database.read(alerts.open_alerts)
    assert (kept.workspace_id, kept.kind) == (7, "choices_broken")
    await put_ok(database, mapping_set())
    assert await database.read(alerts.open_alerts) == []


async def test_choices_that_nobody_could_have_made_are_as_none(mappings: Mappings, told: list[object]):
    found = mappings.rules()(workspace(7, metadata_keys="many"))
    assert found.catalog is mappings.catalog
    assert [type(fact) for fact in told if isinstance(fact, AlertOpened)] == [AlertOpened]


async def test_contact_order_cap_time_zone_and_language(mappings: Mappings):
    chosen = workspace(
        contact_order=["email"], metadata_keys=15, time_zone="Europe/Berlin", language="de", try_contacts=["x"]
    )
    rules = mappings.rules()(chosen)
    [entry] = rules.catalog.select("stripe", "invoice.paid")
    [plain] = mappings.catalog.select("stripe", "invoice.paid")
    assert entry.contact[0][0].value == "email"
    assert sorted(way[0] for way in entry.contact) == sorted(way[0] for way in plain.contact)
    options = rules.options
    assert (options.metadata_keys, options.time_zone, options.language) == (15, "Europe/Berlin", "de")


# ── a folder that deploys itself ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def watched(folder: Path, database: Database, told: list[object]) -> Folder:
    return Folder(folder, database, 10, told.append)  # type: ignore[arg-type]


def edit(folder: Path, text: str) -> MappingSet:
    (folder / "own.yaml").write_text(text)
    return MappingSet({"own.yaml": text})


async def test_what_is_in_the_folder_is_deployed_and_only_what_changes_in_it_again(watched: Folder, folder: Path):
    assert isinstance(await watched.take(), Deployed)
    assert await watched.take() is None
    edit(folder, HEAD + rule("closed-invoice"))
    assert isinstance(await watched.take(), Deployed)


async def test_what_was_taken_back_stays_so_when_the_service_starts_anew(
    watched: Folder, folder: Path, database: Database
):
    await watched.take()
    bad = edit(folder, HEAD + rule("closed-invoice"))
    await watched.take()
    await database.transact(roll_back, mapping_set().digest, by="ada", now=NOW)
    assert await Folder(folder, database, 10, lambda _fact: None).take() is None
    assert await database.read(store.active_digest) == mapping_set().digest
    assert isinstance(await watched.take(asked=True), Deployed)  # SIGHUP asks for it
    assert await database.read(store.active_digest) == bad.digest


async def test_an_edit_that_undoes_one_is_an_edit_also_while_the_service_is_down(
    watched: Folder, folder: Path, database: Database
):
    await watched.take()
    edit(folder, HEAD + rule("closed-invoice"))
    await watched.take()
    first = edit(folder, HEAD + rule())
    assert isinstance(await Folder(folder, database, 10, lambda _fact: None).take(), Deployed)
    assert await database.read(store.active_digest) == first.digest


async def test_a_bad_change_is_refused_once_with_its_problems_and_shown_until_it_is_mended(
    watched: Folder, folder: Path, database: Database, told: list[object]
):
    await watched.take()
    edit(folder, BROKEN)
    for _ in range(4):
        await watched.look()
    assert [type(fact) for fact in told] == [MappingsRefused, AlertOpened]
    [alert] = await database.read(alerts.open_alerts)
    assert (alert.kind, alert.subject) == ("mappings_refused", str(folder))
    assert f"{folder}/own.yaml:3:" in alert.detail
    assert await database.read(store.active_digest) == mapping_set().digest
    edit(folder, HEAD + rule("closed-invoice"))
    for _ in range(2):
        await watched.look()
    assert await database.read(alerts.open_alerts) == []


async def test_what_is_still_being_written_is_left_until_it_rests(watched: Folder, folder: Path, database: Database):
    await watched.take()
    for n in range(3):
        edit(folder, HEAD + rule(f"closed-invoice-{n}"))
        os.utime(folder / "own.yaml", ns=(n, n))
        await watched.look()
        assert await database.read(store.active_digest) == mapping_set().digest
    await watched.look()
    assert await database.read(store.active_digest) != mapping_set().digest


async def test_an_example_that_fails_keeps_the_folder_from_being_deployed(watched: Folder, folder: Path):
    example = "examples: [{payload: {type: invoice.paid, created: 1785369600, data: {object: {}}}, gives: nothing}]"
    edit(folder, HEAD + rule().replace("id: own", f"id: own, {example}"))
    result = await watched.take()
    assert isinstance(result, Refused)
    assert "example" in result.problems[0]


async def test_a_folder_that_is_gone_is_a_refusal_and_no_crash(watched: Folder, folder: Path):
    await watched.take()
    (folder / "own.yaml").unlink()
    folder.rmdir()
    for _ in range(3):
        await watched.look()
    assert isinstance(await watched.take(), Refused)


async def test_a_folder_that_stays_wrong_opens_one_alert_and_tells_it(
    watched: Folder, folder: Path, told: list[object]
):
    edit(folder, HEAD + "  - nonsense\n")
    for _ in range(2):
        assert isinstance(await watched.take(), Refused)
    [opened] = [fact for fact in told if isinstance(fact, AlertOpened)]
    assert (opened.workspace_id, opened.kind, opened.subject) == (alerts.THE_SERVICE, REFUSED, str(folder))
    edit(folder, HEAD + rule("closed-invoice"))
    assert isinstance(await watched.take(), Deployed)
    edit(folder, HEAD + "  - nonsense\n")
    await watched.take()
    assert len([fact for fact in told if isinstance(fact, AlertOpened)]) == 2


async def test_a_change_that_the_database_did_not_take_is_tried_again(
    watched: Folder, folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch
):
    await watched.take()
    changed = edit(folder, HEAD + rule("closed-invoice"))

    async def away(*_arguments: object) -> None:
        raise OSError("the database is away")

    await watched.look()
    with monkeypatch.context() as patched:
        patched.setattr(database, "transact", away)
        with pytest.raises(OSError, match="away"):
            await watched.look()
    await watched.look()
    assert await database.read(store.active_digest) == changed.digest


def test_the_fingerprint_of_nothing_is_nothing(tmp_path: Path):
    assert folders.fingerprint(tmp_path / "nowhere") == ()
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "nowhere.yaml")
    assert folders.fingerprint(tmp_path) == ()
    assert json.dumps(list(folders.fingerprint(tmp_path) or ())) == "[]"
