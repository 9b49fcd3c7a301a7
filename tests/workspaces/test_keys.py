"""Keys come from the setting, or from a private file beside a SQLite database."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connector.errors import SettingsError
from connector.settings import Settings, load
from connector.workspaces.keys import key_file, load_keys, load_vault
from connector.workspaces.vault import Key, new_key


@pytest.fixture
def beside_sqlite(tmp_path: Path) -> Settings:
    return load(database_url=f"sqlite:///{tmp_path}/connector.db", encryption_keys=None)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONNECTOR_ENCRYPTION_KEYS", raising=False)


def test_the_setting_may_hold_several_keys_and_the_first_is_current() -> None:
    first, second = new_key(), new_key()
    settings = load(encryption_keys=f"{first}, {second},")
    assert list(load_keys(settings)) == [Key.parse(first), Key.parse(second)]
    assert load_vault(settings).key_ids == (Key.parse(first).id.hex(), Key.parse(second).id.hex())


def test_beside_sqlite_a_private_file_is_made_once_and_kept(beside_sqlite: Settings, tmp_path: Path) -> None:
    keys = load_keys(beside_sqlite)
    file = tmp_path / "connector.db.keys"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_keys(beside_sqlite) == keys
    assert list(tmp_path.iterdir()) == [file]


def test_processes_that_start_at_once_agree_on_one_key(beside_sqlite: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: load_keys(beside_sqlite), range(16)))
    assert all(keys == found[0] for keys in found)


def test_a_key_file_that_others_can_read_is_refused_with_the_command(beside_sqlite: Settings) -> None:
    load_keys(beside_sqlite)
    file = key_file(beside_sqlite)
    assert file is not None
    file.chmod(0o644)
    with pytest.raises(SettingsError, match=r"chmod 600 .*connector\.db\.keys"):
        load_keys(beside_sqlite)


def test_a_folder_that_cannot_hold_the_file_is_said(tmp_path: Path) -> None:
    settings = load(database_url=f"sqlite:///{tmp_path}/missing/connector.db")
    with pytest.raises(SettingsError, match="CONNECTOR_ENCRYPTION_KEYS"):
        load_keys(settings)


def test_postgresql_without_keys_is_refused_with_the_command_that_makes_one() -> None:
    with pytest.raises(SettingsError, match="`connector keys new`"):
        load_keys(load(database_url="postgresql://connector@localhost/connector"))


def test_a_wrong_key_is_counted_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load_keys(load(encryption_keys=f"{new_key()},hunter2"))
    assert str(caught.value).startswith("CONNECTOR_ENCRYPTION_KEYS: key 2 ")
    assert "hunter2" not in str(caught.value)


def test_a_setting_of_commas_holds_no_key() -> None:
    with pytest.raises(SettingsError, match="holds no key"):
        load_keys(load(encryption_keys=" , "))
