"""What `connector doctor` looks at: each check says what it found, and what to do where that is not good.

It only looks: no database and no key is made by it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from aiohttp import ClientTimeout, http_parser
from sqlalchemy.exc import SQLAlchemyError

from connector import manifest
from connector.appstore.developer_hub import Field, Operator, fields, gaps
from connector.catalogues import store as catalogues
from connector.catalogues.built import build
from connector.catalogues.deploying import REFUSED
from connector.catalogues.mapping_set import MappingSet
from connector.database.clock import wall
from connector.database.engine import open_database, parse_url
from connector.database.migrate import current_revision, newest_revision
from connector.errors import ConnectorError
from connector.intercom.client import IntercomClient, base_url, make_session
from connector.intercom.me import Me
from connector.mapping.review import Checks
from connector.mapping_files import check as check_mappings
from connector.mapping_files import shipped_folder
from connector.outbox.alerts import open_alerts
from connector.settings import PREFIX, Settings, variable
from connector.workspaces import endpoints, store
from connector.workspaces.keys import key_file, load_vault
from connector.workspaces.modes import Region

WAL_RESET_FIXED = (3, 51, 3)
CLOCK_MAY_DIFFER_S = 60
"""Stripe's signatures are good for five minutes."""
PATIENCE = ClientTimeout(total=5, connect=4)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: good, not good, or (None) worth knowing; `remedy` where there is something to do."""

    ok: bool | None
    found: str
    remedy: str = ""


Check = Callable[[Settings], Awaitable[Finding]]


async def examine(settings: Settings) -> dict[str, Finding]:
    """Every check by its name."""
    return {name: await _guarded(check, settings) for name, check in CHECKS.items()}


async def _guarded(check: Check, settings: Settings) -> Finding:
    try:
        return await check(settings)
    except (ConnectorError, SQLAlchemyError, OSError) as error:
        return Finding(False, str(error).splitlines()[0])


async def _settings(_settings: Settings) -> Finding:
    known = {variable(field) for field in Settings.model_fields}
    given = sorted(name for name in os.environ if name.startswith(PREFIX))
    if unknown := [name for name in given if name not in known]:
        return Finding(None, f"unknown: {', '.join(unknown)}", "docs/settings.md lists all that there are")
    return Finding(True, f"set: {', '.join(given)}" if given else "all at their defaults")


async def _address(settings: Settings) -> Finding:
    if settings.base_url is None:
        return Finding(None, f"CONNECTOR_BASE_URL is not set; addresses are shown as {settings.public_url}", "set it")
    if not settings.base_url.startswith("https://"):
        return Finding(None, f"{settings.base_url} is not https", "Stripe sends live webhooks to https only")
    return Finding(True, settings.base_url)


async def _parser(_settings: Settings) -> Finding:
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        return Finding(False, "aiohttp runs without its C parser", "install aiohttp from a wheel")
    return Finding(True, "aiohttp's C parser")


async def _sqlite(settings: Settings) -> Finding:
    if parse_url(settings.database_url).get_backend_name() != "sqlite":
        return Finding(True, "not in use")
    if sqlite3.sqlite_version_info >= WAL_RESET_FIXED:
        return Finding(True, sqlite3.sqlite_version)
    found = f"{sqlite3.sqlite_version}, whose WAL can break when two connections write (fixed in 3.51.3)"
    return Finding(
        None, found, "write to the database only with this program, which locks: never with a tool beside it"
    )


async def _database(settings: Settings) -> Finding:
    if _not_there(settings):
        return Finding(None, "not there yet", "the first start or command makes it")
    database = await open_database(settings.database_url)
    try:
        revision, newest = await current_revision(database), newest_revision()
    finally:
        await database.close()
    if revision != newest:
        return Finding(False, f"at revision {revision}, not {newest}", "connector migrate")
    return Finding(True, f"at revision {revision}, the newest")


async def _keys(settings: Settings) -> Finding:
    file = key_file(settings)
    if settings.encryption_keys is None and file is not None and not file.exists():
        return Finding(None, "none yet", "the first secret makes one")
    vault = load_vault(settings)
    ids = ", ".join(vault.key_ids)
    if _not_there(settings):
        return Finding(True, ids)
    database = await open_database(settings.database_url)
    try:
        if await current_revision(database) is None:
            return Finding(True, ids)
        workspaces = await database.read(store.page, vault)
        theirs = await database.read(endpoints.page, vault)
    finally:
        await database.close()
    return Finding(True, f"{ids}: the secrets of {len(workspaces)} workspaces and {len(theirs)} endpoints open")


async def _mappings(settings: Settings) -> Finding:
    own = [settings.mappings_dir] if settings.mappings_dir else []
    loaded = check_mappings([shipped_folder(), *own], settings.metadata_keys)
    if not loaded.ok:
        mistakes = [problem for problem in loaded.problems if not problem.warning]
        return Finding(False, f"{len(mistakes)} mistakes; the first: {mistakes[0]}", "connector mappings check")
    enabled = sum(entry.enabled for entry in loaded.catalog.entries)
    return Finding(True, f"{len(loaded.catalog.entries)} entries, {enabled} of them on")


async def _deployed(settings: Settings) -> Finding:
    """Which mapping set every process maps by, and whether this machine's folder is it."""
    if _not_there(settings):
        return Finding(True, "nothing yet: the shipped catalogue alone")
    database = await open_database(settings.database_url)
    try:
        if await current_revision(database) != newest_revision():
            return Finding(None, "the database is of another version", "connector migrate")
        found = await database.read(catalogues.active)
        digest = await database.read(catalogues.active_digest)
        refused = [each for each in await database.read(open_alerts) if each.kind == REFUSED]
    finally:
        await database.close()
    if refused:
        return Finding(
            False, f"a change in {refused[0].subject} was refused: {refused[0].detail.splitlines()[0]}", "mend it"
        )
    if not (built := build(found, Checks(settings.metadata_keys))).ok:
        remedy = "connector mappings deploy, or connector mappings rollback"
        return Finding(False, f"{found.digest[:12]} cannot be used by this version: {built.mistakes[0]}", remedy)
    if settings.mappings_dir and MappingSet.of_folder(settings.mappings_dir) != found:
        here = f"{settings.mappings_dir} is not what is in use"
        return Finding(None, here, "connector mappings deploy --dry-run shows how they differ")
    return Finding(True, "the shipped catalogue alone" if digest is None else digest[:12])


async def _manifest(_settings: Settings) -> Finding:
    return Finding(True, f"app.json describes {manifest.load().name!r}")


async def _app(settings: Settings) -> Finding:
    """Whether this service is ready to be an app at Intercom, where it is to be one."""
    given = (settings.intercom_client_id, settings.intercom_client_secret)
    if given == (None, None):
        return Finding(True, "not in use: one workspace, by its access token")
    if None in given:
        missing = "intercom_client_id" if given[0] is None else "intercom_client_secret"
        return Finding(False, f"{variable(missing)} is not set", "both are in the Developer Hub, under Authentication")
    if found := gaps(operator(settings)):
        return Finding(False, "; ".join(found), "set them: docs/publish.md")
    return Finding(True, f"ready; what to enter in the Developer Hub for {settings.base_url} stands below")


def operator(settings: Settings) -> Operator:
    """What this deployment says of itself."""
    return Operator(settings.base_url, settings.operator, settings.support_email)


def developer_hub(settings: Settings) -> list[Field]:
    """What to enter in the Developer Hub; nothing where the address is not known."""
    return fields(manifest.load(), settings.base_url) if settings.base_url else []


async def _intercom(settings: Settings) -> Finding:
    """Whether Intercom answers, and whether its clock agrees with ours. Webhooks are stored while it does not."""

    def base_url_for(region: str) -> str:
        return settings.intercom_api_url or base_url(region)

    async with make_session(1, timeout=PATIENCE) as session:
        client = IntercomClient(session, version=settings.intercom_version, base_url_for=base_url_for)
        found = await client.me(Region.US, "connector-doctor")
    answer = found.answer if isinstance(found, Me) else found
    where = base_url_for(Region.US)
    if answer.status is None:
        return Finding(None, f"{where} does not answer ({answer.fault})", "events are stored and wait until it does")
    off = _seconds_off(answer.headers.get("date"))
    if abs(off) > CLOCK_MAY_DIFFER_S:
        found_off = f"this machine's clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"
        return Finding(False, found_off, "set it: Stripe's signatures are refused when it is 300 s wrong")
    return Finding(True, f"{where} answers")


def _seconds_off(date: str | None) -> float:
    """How far our clock is ahead of an answer's Date; 0 where it states none."""
    try:
        return wall() / 1000 - parsedate_to_datetime(date).timestamp() if date else 0.0
    except ValueError:
        return 0.0


def _not_there(settings: Settings) -> bool:
    url = parse_url(settings.database_url)
    return url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists()


CHECKS: dict[str, Check] = {
    "settings": _settings,
    "address": _address,
    "HTTP parser": _parser,
    "SQLite": _sqlite,
    "database": _database,
    "keys": _keys,
    "mappings": _mappings,
    "deployed": _deployed,
    "manifest": _manifest,
    "app": _app,
    "Intercom": _intercom,
}


def passed(findings: Sequence[Finding]) -> bool:
    """Whether nothing stands in the way."""
    return all(finding.ok is not False for finding in findings)
