"""A backup is whole or is none, and what is restored begins paused."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from connector.database.file_lock import OwnerLock
from tests.cli.conftest import Cli, Receive


def is_private(path: Path) -> bool:
    return not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def tree(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["backup", "backup.tar.gz", "backup.tar"])
def test_what_was_saved_comes_back_paused(cli: Cli, tmp_path: Path, receive: Receive, name: str) -> None:
    receive("invoice.paid")
    saved = cli("backup", name, "--json").ok.json
    assert (saved["database"], saved["keys"]) == ("sqlite", "included")
    assert is_private(tmp_path / name)
    receive("charge.dispute.created")

    refused = cli("restore", name)
    assert (refused.status, "--force" in refused.err) == (2, True)
    assert len(cli("deliveries", "list", "--json").ok.json["items"]) > 1
    restored = cli("restore", name, "--force", "--json").ok
    assert (restored.json["paused"], restored.json["may_be_sent_again"]) == (1, 1)
    [aside] = restored.json["moved_aside"]
    assert Path(aside).name.startswith("connector.db.before-")
    [item] = cli("deliveries", "list", "--json").ok.json["items"]
    assert item["name"] == "paid-invoice"
    shown = cli("workspaces", "show", "acme", "--json").ok.json
    assert (shown["mode"], shown["access_token"]) == ("paused", "set")
    assert shown["mode_reason"].startswith("restored from a backup of")
    assert cli("workspaces", "resume", "acme", "--json").ok.json["mode"] == "live"


def test_onto_an_empty_place_with_the_keys(
    cli: Cli, tmp_path: Path, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("backup", "backup").ok  # noqa: B018 - it asserts
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("CONNECTOR_DATABASE_URL", f"sqlite:///{tmp_path / 'elsewhere' / 'new.db'}")
    assert cli("restore", "backup", "--keep-modes", "--json").ok.json["moved_aside"] == []
    assert is_private(tmp_path / "elsewhere" / "new.db.keys")
    assert cli("workspaces", "show", acme, "--json").ok.json["mode"] == "live"


def test_keys_can_be_left_out_and_then_have_to_come_from_elsewhere(
    cli: Cli, tmp_path: Path, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("backup", "backup", "--without-keys", "--json").ok.json["keys"] == "left_out"
    assert tree(tmp_path / "backup") == {"connector.db", "manifest.json"}
    monkeypatch.setenv("CONNECTOR_DATABASE_URL", f"sqlite:///{tmp_path / 'new.db'}")
    cli("restore", "backup").ok  # noqa: B018
    assert cli("workspaces", "show", acme).status == 1
    (tmp_path / "new.db.keys").write_bytes((tmp_path / "connector.db.keys").read_bytes())
    assert cli("workspaces", "show", acme, "--json").ok.json["access_token"] == "set"


def test_nothing_is_restored_under_a_running_service(cli: Cli, tmp_path: Path, acme: str) -> None:
    cli("backup", "backup").ok  # noqa: B018
    running = OwnerLock(tmp_path / "connector.db")
    try:
        refused = cli("restore", "backup", "--force")
        assert (refused.status, "another connector service is running" in refused.err) == (1, True)
    finally:
        running.close()


def test_a_backup_can_be_made_beside_a_running_service(cli: Cli, tmp_path: Path, acme: str) -> None:
    running = OwnerLock(tmp_path / "connector.db")
    try:
        assert cli("backup", "backup", "--json").ok.json["bytes"] > 0
    finally:
        running.close()


def test_another_database_s_keys_are_not_overwritten(cli: Cli, tmp_path: Path, acme: str) -> None:
    cli("backup", "backup").ok  # noqa: B018
    (tmp_path / "connector.db").unlink()
    (tmp_path / "connector.db.keys").write_text("B" * 43 + "\n")
    refused = cli("restore", "backup")
    assert (refused.status, "holds other keys" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "connector.db").write_bytes(b"x" * 5000), "damaged"),
        (lambda folder: (folder / "connector.db").unlink(), "no backup"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "no backup"),
        (lambda folder: (folder / "manifest.json").unlink(), "no backup"),
        (lambda folder: _rewrite(folder, revision="9999"), "does not know"),
        (lambda folder: _rewrite(folder, database="postgresql"), "postgresql"),
        (lambda folder: _rewrite(folder, file=None), "pg_dump"),
        (lambda folder: _rewrite(folder, file="../connector.db"), "no backup"),
    ],
)
def test_a_bad_backup_is_refused_before_anything_is_touched(cli: Cli, tmp_path: Path, acme: str, damage, words) -> None:
    cli("backup", "backup").ok  # noqa: B018
    damage(tmp_path / "backup")
    before = tree(tmp_path)
    refused = cli("restore", "backup", "--force")
    assert refused.status in (1, 2)
    assert words in refused.err
    assert tree(tmp_path) == before
    assert cli("workspaces", "show", acme, "--json").ok.json["mode"] == "live"


def _rewrite(folder: Path, **values: object) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_backup_is_never_written_over_another(cli: Cli, tmp_path: Path, acme: str) -> None:
    (tmp_path / "there").mkdir()
    assert cli("backup", "there").status == 2
    assert cli("backup", "no/folder").status == 2
    assert cli("restore", "nothing").status == 2
    assert tree(tmp_path / "there") == set()


def test_a_file_that_is_no_archive_is_refused(cli: Cli, tmp_path: Path, acme: str) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"nothing")
    refused = cli("restore", "x.tar.gz")
    assert (refused.status, "is no backup" in refused.err) == (2, True)
