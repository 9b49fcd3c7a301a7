"""The mapping set that this process maps by: the one that the database says, followed within half a second.

A set that this version cannot use (it was deployed by another one) is told once and left alone: what runs goes on.
"""

from __future__ import annotations

import asyncio

from connector.catalogues import store
from connector.catalogues.built import Built, build
from connector.catalogues.choosing import RulesByWorkspace
from connector.catalogues.deploying import CHOICES_BROKEN
from connector.catalogues.mapping_set import SHIPPED_ALONE
from connector.database.clock import wall
from connector.database.engine import Database
from connector.errors import SettingsError
from connector.mapping.catalog import Catalog
from connector.mapping.context import Options
from connector.mapping.review import Checks
from connector.outbox.alerts import open_alert
from connector.outbox.translation import RulesOf
from connector.telemetry.facts import AlertOpened, MappingsInUse, MappingsRefused, Tell

FOLLOW_S = 0.5


class Mappings:
    """`rules` is what to map by; `start` before, and `follow` now and then."""

    def __init__(self, database: Database, options: Options, tell: Tell) -> None:
        self._database = database
        self._options = options
        self._tell = tell
        self._checks = Checks(options.metadata_keys)
        self._current = self._by_workspace(Built(SHIPPED_ALONE, Catalog(), (), (), {}))
        self._refused: str | None = None
        self._told: set[tuple[int, str]] = set()
        self._to_write: list[tuple[int, str]] = []

    @property
    def catalog(self) -> Catalog:
        """The catalogue in use, by nobody's choices."""
        return self._current.built.catalog

    @property
    def digest(self) -> str:
        """Of the set in use."""
        return self._current.built.set.digest

    @property
    def built(self) -> Built:
        """The set in use over the shipped catalogue, for whoever offers choices."""
        return self._current.built

    def rules(self) -> RulesOf:
        """The set in use now; whoever holds this goes on with it, also when another one has come into use."""
        return self._current.of

    async def start(self) -> None:
        """Take up the set in use, the shipped catalogue alone where there is none. Raises SettingsError."""
        found = await self._database.read(store.active)
        built = await asyncio.to_thread(build, found, self._checks)
        if not built.ok:
            first = built.mistakes[0]
            raise SettingsError(
                f"the deployed mapping set {found.digest[:12]} cannot be used by this version, {len(built.mistakes)} "
                f"mistakes, the first: {first}. Mend your folder and run `connector mappings deploy`, "
                "or take up an earlier set: `connector mappings rollback`"
            )
        self._use(built)

    async def follow(self) -> bool:
        """Take up another set if another one is in use; whether that was so. Also writes down what was found broken."""
        while self._to_write:
            workspace_id, why = self._to_write[0]
            await self._database.transact(open_alert, workspace_id, CHOICES_BROKEN, "", why, now=wall())
            del self._to_write[0]
        digest = await self._database.read(store.active_digest)
        if digest is None or digest in (self.digest, self._refused):
            return False
        found = await self._database.read(store.active)
        built = await asyncio.to_thread(build, found, self._checks)
        if not built.ok:
            self._refused = digest
            self._tell(MappingsRefused(digest, len(built.mistakes), str(built.mistakes[0])))
            return False
        self._use(built)
        return True

    def _use(self, built: Built) -> None:
        self._current = self._by_workspace(built)
        self._refused = None
        self._told.clear()
        self._tell(MappingsInUse(built.set.digest, len(built.catalog.entries)))

    def _by_workspace(self, built: Built) -> RulesByWorkspace:
        return RulesByWorkspace(built, self._options, self._broken)

    def _broken(self, workspace_id: int, why: str) -> None:
        """Told once: the workspace goes on without what does not fit. Called while mapping, so written down later."""
        if (workspace_id, why) not in self._told:
            self._told.add((workspace_id, why))
            self._to_write.append((workspace_id, why))
            self._tell(AlertOpened(workspace_id, CHOICES_BROKEN, "", why))
