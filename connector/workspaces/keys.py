"""Where the vault's keys come from: the setting, or a file beside a SQLite database, made at first use.

On PostgreSQL several machines share the secrets, so that their key must come from outside.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

from connector.database.engine import parse_url
from connector.errors import SettingsError
from connector.settings import Settings
from connector.workspaces.vault import Key, Vault, new_key

_VARIABLE = "CONNECTOR_ENCRYPTION_KEYS"


def load_vault(settings: Settings) -> Vault:
    """The vault of this process. Raises SettingsError."""
    return Vault(load_keys(settings))


def load_keys(settings: Settings) -> Sequence[Key]:
    """The keys of this process, the encrypting one first. Raises SettingsError."""
    if settings.encryption_keys is not None:
        return _parse_all(settings.encryption_keys.get_secret_value(), _VARIABLE)
    path = key_file(settings)
    if path is None:
        raise SettingsError(
            f"{_VARIABLE} is not set, and PostgreSQL has no place for a key of its own. "
            "`connector keys new` makes one; give the same one to every process"
        )
    if not path.exists():
        _create(path)
    return _parse_all(_read(path), str(path))


def key_file(settings: Settings) -> Path | None:
    """Where the key is kept while none is set; None on PostgreSQL."""
    url = parse_url(settings.database_url)
    if url.get_backend_name() != "sqlite":
        return None
    database = Path(str(url.database)).absolute()
    return database.with_name(database.name + ".keys")


def _parse_all(text: str, origin: str) -> list[Key]:
    keys = []
    for number, part in enumerate(filter(None, (piece.strip() for piece in text.split(","))), start=1):
        try:
            keys.append(Key.parse(part))
        except SettingsError as error:
            raise SettingsError(f"{origin}: key {number} {error}") from None
    if not keys:
        raise SettingsError(f"{origin} holds no key. `connector keys new` makes one")
    return keys


def _read(path: Path) -> str:
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SettingsError(f"{path} can be read by others: chmod 600 {path}")
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None


def _create(path: Path) -> None:
    """Make the file whole or not at all; when two processes do it at once, the first one's stays."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(new_key() + "\n")
            file.flush()
            os.fsync(file.fileno())
        _publish(draft, path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be made: {error}. Or set {_VARIABLE}") from None


def _publish(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
