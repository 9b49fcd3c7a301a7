"""A service's own folder as a source of mapping sets: on a single machine what is written there is deployed.

Looked at once a second rather than listened to: that works on every file system, network and container mounts, and
sees a folder that is replaced as a whole. What is being written is left until it has not changed for a look.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Connection

from connector.catalogues import store
from connector.catalogues.built import Built, build
from connector.catalogues.deploying import REFUSED, Deployed, Refused, Result, deploy
from connector.catalogues.mapping_set import MappingSet
from connector.database.clock import wall
from connector.database.engine import Database
from connector.errors import UsageError
from connector.mapping.review import Checks
from connector.mapping_files import Loaded, mapping_files, run_examples, shipped_folder
from connector.outbox.alerts import THE_SERVICE, open_alert
from connector.telemetry.facts import AlertOpened, MappingsRefused, Tell

LOOK_S = 1.0
_SHOWN = 20
"""Problems that an alert lists."""

Fingerprint: TypeAlias = tuple[tuple[str, int, int, int], ...] | None


class Folder:
    """`look` at it now and then; `take` what is there."""

    def __init__(self, path: Path, database: Database, metadata_keys: int, tell: Tell) -> None:
        self.path = path
        self._database = database
        self._checks = Checks(metadata_keys, thorough=True)
        self._tell = tell
        self._seen: Fingerprint = None
        self._changing: Fingerprint = None

    async def look(self) -> None:
        """Take what has changed since the last time, once it has come to rest."""
        now = await asyncio.to_thread(fingerprint, self.path)
        if now != self._seen and now == self._changing:
            await self.take()  # where that fails, it is taken at the next look
        self._changing = now

    async def take(self, *, asked: bool = False) -> Result | None:
        """Deploy what is there; None where that is no news. What was taken back stays so until it is `asked` for."""
        seen = await asyncio.to_thread(fingerprint, self.path)
        result = await self._take(asked=asked)
        self._seen = seen
        return result

    async def _take(self, *, asked: bool) -> Result | None:
        try:
            found = await asyncio.to_thread(MappingSet.of_folder, self.path)
        except UsageError as error:
            return await self._refused(Refused((str(error),)))
        if not asked and found.digest == await self._database.read(store.latest_from_folder):
            return None
        built = await asyncio.to_thread(build, found, self._checks, where=self.path)
        if failed := await asyncio.to_thread(failing_examples, built, self.path):
            return await self._refused(Refused(failed))
        result = await self._database.transact(_deploy, built, f"serve {self.path}")
        return result if isinstance(result, Deployed) else await self._refused(result)

    async def differs(self) -> bool:
        """Whether what is there is something else than what is in use."""
        try:
            found = await asyncio.to_thread(MappingSet.of_folder, self.path)
        except UsageError:
            return True
        return found.digest != await self._database.read(store.active_digest)

    async def _refused(self, refused: Refused) -> Refused:
        self._tell(MappingsRefused(str(self.path), len(refused.problems), refused.problems[0]))
        detail = "\n".join(refused.problems[:_SHOWN])
        where = str(self.path)
        if await self._database.transact(open_alert, THE_SERVICE, REFUSED, where, detail, now=wall()):
            self._tell(AlertOpened(THE_SERVICE, REFUSED, where, detail))
        return refused


def fingerprint(folder: Path) -> Fingerprint:
    """What changes when a mapping file below `folder` does; empty for no folder."""
    found = []
    for path in mapping_files(folder):
        try:
            stat = path.stat()
        except OSError:  # it went away meanwhile, or leads nowhere
            continue
        found.append((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(found)


def failing_examples(built: Built, folder: Path) -> tuple[str, ...]:
    """The examples of a folder's own entries that do not become what they say."""
    if not built.ok:
        return ()
    own = [entry for read in built.layers[-1] for entry in read.entries]
    ran = run_examples(Loaded(built.catalog, built.problems, (shipped_folder(), folder)), own)
    return tuple(
        f"{each.place.file}:{each.place.line}: {each.entry.id}: its example {each.payload} fails: "
        f"{'; '.join(each.differences)}"
        for each in ran
        if not each.ok
    )


def _deploy(connection: Connection, built: Built, by: str) -> Result:
    return deploy(connection, built, by=by, now=wall(), from_folder=True)
