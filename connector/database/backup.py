"""A backup is a folder (or a tar of it): the database, what is known of it, the keys unless they are kept elsewhere.

    backup/
    ├── manifest.json     when, of which database and revision, SHA-256 of the copy, what became of the keys
    ├── connector.db      SQLite's online copy, or connector.dump of pg_dump
    └── connector.keys    the key file of a SQLite database; never what stands in the environment

What is restored is checked first, whole, before anything of what is there is touched. What it means for deliveries
is `outbox.restored`'s.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import URL

from connector.errors import DatabaseError, UsageError

SQLITE_COPY, POSTGRES_DUMP, KEYS, MANIFEST = "connector.db", "connector.dump", "connector.keys", "manifest.json"
ARCHIVES = (".tar", ".tar.gz", ".tgz")


class Manifest(BaseModel):
    """What is known of a backup; `file` is None where the database could not be copied."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = 1
    made_at: int
    version: str
    database: str
    revision: str | None
    file: str | None
    sha256: str | None
    bytes: int
    keys: str
    """included, left_out, or environment."""


def copy_sqlite(source: Path, target: Path) -> None:
    """A consistent copy of a database that is in use, as one file.

    It is read in one go from one snapshot: the service goes on writing into its log meanwhile, and no lock is held.
    Raises DatabaseError.
    """
    if not source.exists():
        raise UsageError(f"there is no database {source}")
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=30)) as old,
            contextlib.closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise DatabaseError(f"{source} cannot be copied: {error}") from None
    target.chmod(0o600)
    check_sqlite(target)


def check_sqlite(file: Path) -> str | None:
    """The revision of a database that is whole. Raises DatabaseError for any other file."""
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            [said] = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if said != "ok":
                raise DatabaseError(f"{file} is damaged: {said}")
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise DatabaseError(f"{file} is no database of the connector's: {error}") from None
    return str(row[0]) if row else None


def rows_in(file: Path) -> int:
    """Workspaces and events in a SQLite database; 0 for none, or one without our tables."""
    if not file.exists():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            tables = ("workspaces", "received_events")
            counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]  # noqa: S608
            return int(sum(counts))
    except sqlite3.Error:
        return 0


def pg_dump_command(url: URL, target: Path) -> list[str]:
    """What makes a copy of a PostgreSQL database; the password goes by PGPASSWORD."""
    return ["pg_dump", "--format=custom", "--no-owner", f"--file={target}", f"--dbname={_without_password(url)}"]


def pg_restore_command(url: URL, source: Path) -> list[str]:
    """What brings such a copy back, in place of what is there."""
    clean = ["--clean", "--if-exists", "--no-owner", "--exit-on-error", "--single-transaction"]
    return ["pg_restore", *clean, f"--dbname={_without_password(url)}", str(source)]


def run_client(command: Sequence[str], url: URL) -> str | None:
    """Run one of PostgreSQL's own programs: None, or why it did not do it."""
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not installed here"
    env = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    done = subprocess.run(command, env=env, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    lines = done.stderr.strip().splitlines()
    return None if done.returncode == 0 else (lines[-1] if lines else f"{command[0]} failed")


def _without_password(url: URL) -> str:
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


def digest_of(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def is_archive(target: Path) -> bool:
    """Whether a backup there is one file."""
    return target.name.endswith(ARCHIVES)


@contextmanager
def drafting(target: Path) -> Iterator[Path]:
    """A folder to make a backup in, which becomes `target` when all of it is there. Raises UsageError."""
    if target.exists():
        raise UsageError(f"{target} is there already: give the backup a name of its own")
    if not target.parent.is_dir():
        raise UsageError(f"the folder {target.parent} does not exist")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent, ignore_cleanup_errors=True) as made:
        draft = Path(made) / "backup"
        draft.mkdir(mode=0o700)
        yield draft
        if is_archive(target):
            draft = _packed(draft, Path(made) / target.name)
        _flush(draft)
        draft.rename(target)
        _flush(target.parent)


def _packed(folder: Path, archive: Path) -> Path:
    mode = "w" if archive.suffix == ".tar" else "w:gz"
    handle = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode=mode) as tar:  # type: ignore[call-overload]
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)
    return archive


def _flush(path: Path) -> None:
    for each in (*(path.iterdir() if path.is_dir() and path.name == "backup" else ()), path):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def opened(source: Path, *, beside: Path) -> Iterator[tuple[Path, Manifest]]:
    """The folder of a backup and what is known of it, checked. An archive is unpacked next to `beside` meanwhile.

    Raises UsageError for what is no backup, DatabaseError for a damaged one.
    """
    if source.is_dir():
        yield source, _checked(source)
        return
    if not source.is_file():
        raise UsageError(f"there is no backup {source}")
    with tempfile.TemporaryDirectory(prefix=".restore.", dir=beside) as folder:
        try:
            with tarfile.open(source) as tar:
                tar.extractall(folder, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            raise UsageError(f"{source} is no backup: {error}") from None
        yield Path(folder), _checked(Path(folder))


def _checked(folder: Path) -> Manifest:
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        raise UsageError(f"{folder} is no backup: it has no {MANIFEST} that can be read") from None
    if manifest.file is None:
        raise UsageError("this backup is without the database, which was to be saved by pg_dump: restore that")
    if manifest.file not in (SQLITE_COPY, POSTGRES_DUMP) or not (folder / manifest.file).is_file():
        raise UsageError(f"{folder} is no backup: the database is not in it")
    if digest_of(folder / manifest.file) != manifest.sha256:
        raise DatabaseError("the backup is damaged: its database is not what the manifest says (SHA-256)")
    return manifest


def put_in_place(new: Path, target: Path, *, stamp: str) -> Path | None:
    """Put a copy of the file `new` where `target` is, whole or not at all; where what was there went, if anything was.

    A write-ahead log that is left over belongs to the old file, and goes with it.
    """
    draft = target.with_name(f"{target.name}.restoring")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file, new.open("rb") as old:
        shutil.copyfileobj(old, file)
        file.flush()
        os.fsync(file.fileno())
    kept = target.with_name(f"{target.name}.before-{stamp}") if target.exists() else None
    if kept is not None:
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                target.with_name(target.name + suffix).rename(kept.with_name(kept.name + suffix))
    draft.replace(target)
    _flush(target.parent)
    return kept
