"""`connector backup` and `connector restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.options import Json
from connector.cli.output import moment, remark, show_item
from connector.errors import DatabaseError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from connector.database.backup import Manifest
    from connector.outbox.restored import Restored
    from connector.settings import Settings


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    for command in (backup, restore):
        app.command()(command)


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="FOLDER|FILE.tar.gz", help="Where to; not there yet.", show_default=False)
    ],
    *,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave the key file out, to be kept in another place.")
    ] = False,
    json: Json = False,
) -> None:
    """Save the database, and the keys of a SQLite one, while the service runs. It holds your secrets: keep it so."""
    from connector.database import backup as backups
    from connector.settings import load

    settings = load()
    target = target.absolute()
    with backups.drafting(target) as draft:
        manifest, trouble = _saved(settings, draft, keys=not without_keys)
        (draft / backups.MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")
    show_item(manifest.model_dump() | {"made_at": moment(manifest.made_at), "backup": str(target)}, as_json=json)
    if trouble is not None:
        raise DatabaseError(trouble)
    if manifest.keys == "environment":
        remark("CONNECTOR_ENCRYPTION_KEYS is not in it: keep that apart, for without it no secret opens")
    elif manifest.keys == "included":
        remark("the key file is in it: whoever has this backup has every secret (--without-keys leaves it out)")


def _saved(settings: Settings, draft: Path, *, keys: bool) -> tuple[Manifest, str | None]:
    """What was saved into `draft`, and what to do about what was not."""
    import asyncio
    from importlib.metadata import version as version_of

    from connector.database import backup as backups
    from connector.database.clock import wall
    from connector.database.engine import parse_url

    url = parse_url(settings.database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    copy, trouble = draft / (backups.SQLITE_COPY if is_sqlite else backups.POSTGRES_DUMP), None
    made_at = wall()
    if is_sqlite:
        backups.copy_sqlite(_sqlite_file(url), copy)
        revision = backups.check_sqlite(copy)
    else:
        command = backups.pg_dump_command(url, copy)
        revision = asyncio.run(_revision(settings))
        if (why := backups.run_client(command, url)) is not None:
            trouble = f"the database itself is not saved: {why}. Save it with: {' '.join(command)}"
            copy.unlink(missing_ok=True)
    there = copy.exists()
    return backups.Manifest(
        made_at=made_at,
        version=version_of("connector"),
        database=url.get_backend_name(),
        revision=revision,
        file=copy.name if there else None,
        sha256=backups.digest_of(copy) if there else None,
        bytes=copy.stat().st_size if there else 0,
        keys=_save_keys(settings, draft) if keys else "left_out",
    ), trouble


def _save_keys(settings: Settings, draft: Path) -> str:
    """What became of the keys: those in the environment are its business."""
    from connector.database import backup as backups
    from connector.workspaces.keys import key_file

    file = key_file(settings)
    if settings.encryption_keys is not None or file is None or not file.exists():
        return "environment"
    target = draft / backups.KEYS
    target.touch(mode=0o600)
    target.write_bytes(file.read_bytes())
    return "included"


def _sqlite_file(url: URL) -> Path:
    return Path(str(url.database)).absolute()


async def _revision(settings: Settings) -> str | None:
    from connector.database.engine import open_database
    from connector.database.migrate import current_revision

    database = await open_database(settings.database_url)
    try:
        return await current_revision(database)
    finally:
        await database.close()


def restore(
    source: Annotated[Path, typer.Argument(metavar="FOLDER|FILE.tar.gz", help="A backup.", show_default=False)],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Also where there is a database with something in it, which is moved aside.")
    ] = False,
    keep_modes: Annotated[
        bool, typer.Option("--keep-modes", help="Go on sending where it was live, instead of pausing every workspace.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring a backup back, checked before anything is touched. Every workspace is paused until you resume it."""
    import asyncio

    from connector.database import backup as backups
    from connector.database.engine import parse_url
    from connector.settings import load

    settings = load()
    url = parse_url(settings.database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    beside = _sqlite_file(url).parent if is_sqlite else Path.cwd()
    with backups.opened(source.absolute(), beside=beside) as (folder, manifest):
        _require_ours(manifest, url.get_backend_name())
        if is_sqlite:
            moved = _restore_sqlite(settings, url, folder, manifest, force=force)
        else:
            moved = _restore_postgres(settings, url, folder, manifest, force=force)
    found = asyncio.run(_take_over(settings, manifest, pause=not keep_modes))
    shown = {
        "restored": str(source),
        "made_at": moment(manifest.made_at),
        "moved_aside": [str(path) for path in moved],
        "paused": found.paused,
        "may_be_sent_again": found.may_be_sent_again,
        "to_be_mapped": found.to_be_mapped,
    }
    show_item(shown, as_json=json)
    _explain(found, manifest)


def _explain(found: Restored, manifest: Manifest) -> None:
    if found.may_be_sent_again:
        remark(
            f"{found.may_be_sent_again:,} deliveries were on their way at {moment(manifest.made_at)}. Those that were "
            "delivered since go out again with the same contact, name and second, and Intercom drops them"
        )
    remark("what arrived after the backup is not in it: have Stripe and Segment send it again")
    if found.paused:
        remark("every workspace is paused. When all is well: connector workspaces resume APP_ID")


def _require_ours(manifest: Manifest, backend: str) -> None:
    from connector.database.migrate import known_revisions

    if manifest.database != backend:
        raise UsageError(f"this backup is of {manifest.database}, and CONNECTOR_DATABASE_URL of {backend}")
    if manifest.revision not in known_revisions():
        raise DatabaseError(
            f"the backup is at revision {manifest.revision}, which this version does not know: install the newer one"
        )


def _restore_sqlite(settings: Settings, url: URL, folder: Path, manifest: Manifest, *, force: bool) -> list[Path]:
    """Put the database and its keys in place; what was moved aside."""
    from connector.database import backup as backups
    from connector.database.file_lock import OwnerLock, WriteLock
    from connector.workspaces.keys import key_file

    database, copy = _sqlite_file(url), folder / str(manifest.file)
    if backups.check_sqlite(copy) != manifest.revision:
        raise DatabaseError("the backup is damaged: its database is not of the revision that the manifest says")
    owner = OwnerLock(database)
    writing = WriteLock(database)
    try:
        with writing:
            if backups.rows_in(database) and not force:
                raise UsageError(f"{database} has something in it: --force moves it aside")
            files = [(copy, database)]
            keys = key_file(settings)
            if (folder / backups.KEYS).exists() and settings.encryption_keys is None and keys is not None:
                files += [(folder / backups.KEYS, keys)] if _may_replace(folder / backups.KEYS, keys, force) else []
            moved = [backups.put_in_place(new, target, stamp=str(manifest.made_at)) for new, target in files]
    finally:
        writing.close()
        owner.close()
    return [path for path in moved if path is not None]


def _may_replace(new: Path, keys: Path, force: bool) -> bool:
    """Whether the key file is to be put in place. Raises UsageError where another one is there."""
    if not keys.exists():
        return True
    if new.read_bytes() == keys.read_bytes():
        return False
    if not force:
        raise UsageError(f"{keys} holds other keys than the backup: --force moves it aside")
    return True


def _restore_postgres(settings: Settings, url: URL, folder: Path, manifest: Manifest, *, force: bool) -> list[Path]:
    """Have pg_restore put the database in place."""
    import asyncio

    from connector.database import backup as backups

    asyncio.run(_require_free(settings, force=force))
    command = backups.pg_restore_command(url, folder / str(manifest.file))
    if (why := backups.run_client(command, url)) is not None:
        raise DatabaseError(f"nothing was restored: {why}. It was tried with: {' '.join(command)}")
    return []


async def _require_free(settings: Settings, *, force: bool) -> None:
    """Raises UsageError where somebody works on the database, or something is in it."""
    from sqlalchemy import Connection, text

    from connector.database.engine import open_database
    from connector.database.migrate import current_revision

    def others(connection: Connection) -> int:
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'connector' "
            "AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(connection.scalar(text(query)) or 0)

    def is_used(connection: Connection) -> bool:
        return bool(connection.scalar(text("SELECT count(*) FROM workspaces")))

    database = await open_database(settings.database_url)
    try:
        if busy := await database.read(others):
            raise UsageError(f"{busy} connections of a connector are open on this database: stop it first")
        if not force and await current_revision(database) is not None and await database.read(is_used):
            raise UsageError("the database has something in it: --force replaces it")
    finally:
        await database.close()


async def _take_over(settings: Settings, manifest: Manifest, *, pause: bool) -> Restored:
    from connector.database.clock import wall
    from connector.database.engine import open_database
    from connector.database.migrate import migrate
    from connector.outbox.restored import take_over
    from connector.workspaces import audit

    database = await open_database(settings.database_url, owner=True)
    reason = f"restored from a backup of {moment(manifest.made_at)}"
    try:
        await migrate(database)
        found = await database.transact(take_over, now=wall(), pause=pause, reason=reason)
        await database.transact(
            audit.record,
            0,
            actor=settings.actor or "restore",
            action="restore",
            detail={"of": manifest.made_at},
            now=wall(),
        )
        return found
    finally:
        await database.close()
