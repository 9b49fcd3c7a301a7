"""`mappings new` and `schema`: for who writes entries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.mappings.files import complete_type, loaded, options, sources
from connector.cli.options import Json, OfWorkspace
from connector.cli.output import print_json, remark, say
from connector.errors import DatabaseError, SettingsError, UsageError

if TYPE_CHECKING:
    from connector.cli.mappings.trial import Trial
    from connector.cli.session import Session
    from connector.mapping.catalog import Catalog
    from connector.mapping.entry import Entry
    from connector.mapping.metadata import MetadataType
    from connector.mapping.proposal.document import Proposal
    from connector.mapping_files import Loaded
    from connector.settings import Settings

MOST_KEYS = 10


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("new")(new)
    app.command("schema")(schema)


def new(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="stripe or segment.", autocompletion=lambda: list(sources()))
    ],
    event_type: Annotated[
        str,
        typer.Argument(
            metavar="TYPE", help="The event type: invoice.paid, 'track Class Booked'.", autocompletion=complete_type
        ),
    ],
    *,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="EVENT|FILE",
            help="A received event or a payload to go by; the latest received one of this type unless told.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call it in Intercom, instead of the name proposed.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write it into this file, behind what is there.", show_default=False)
    ] = None,
    workspace: OfWorkspace = None,
    json: Json = False,
) -> None:
    """Write an entry for an event type, with typed metadata and an example from a real event. Check and test pass."""
    settings, found = loaded(None)
    wanted = _wanted(source, event_type)
    payload = _payload(settings, wanted, from_, workspace)
    written = _written(settings, found, wanted, payload, name)
    if output is not None:
        _append(output, written.text)
    if json:
        summary = {"id": written.entry.id, "name": written.entry.name, "output": output and str(output)}
        print_json({**summary, "yaml": written.text})
    elif output is None:
        say(written.text.rstrip())
    for sentence in _remarks(found.catalog, written, payload):
        remark(sentence)
    if output is not None:
        remark(f"{output}: {written.entry.id}. {_next_step(settings, output)}")


def schema() -> None:
    """Print the JSON Schema of mapping files, by which editors complete and check them."""
    from connector.mapping.schema import json_schema

    print_json(json_schema())


@dataclass(frozen=True, slots=True)
class _Wanted:
    source: str
    type: str


@dataclass(frozen=True, slots=True)
class _Written:
    """The text of a new document, and the entry that it holds."""

    text: str
    entry: Entry


def _wanted(source: str, event_type: str) -> _Wanted:
    """What is asked for. Raises UsageError."""
    from connector.mapping.dialect import DIALECTS
    from connector.mapping.proposal.naming import type_as_written

    if source not in DIALECTS:
        raise UsageError(f"SOURCE is one of {', '.join(DIALECTS)}, not {source!r}")
    written = type_as_written(source, event_type)
    if mistake := DIALECTS[source].misspelt(written):
        raise UsageError(f"{mistake.what}: {mistake.remedy}")
    if "*" in written:
        raise UsageError(f"{written!r} stands for many types: name one, and write a catch-all by hand")
    return _Wanted(source, written)


def _payload(settings: Settings, wanted: _Wanted, given: str | None, app_id: str | None) -> Trial | None:
    """The event to go by; None where there is none of this type. Raises UsageError."""
    from connector.cli.mappings import trial
    from connector.cli.session import run

    if given is None:
        try:
            return run(lambda session: _latest(session, wanted, app_id))
        except DatabaseError as error:
            remark(f"without an event to go by: {error}")
            return None
    if trial.is_file(given):
        found = trial.of_file(Path(given), wanted.source, options(settings))
    else:
        found = run(lambda session: trial.of_event(session, given, app_id, options(settings)))
    _refuse_another_type(wanted, found)
    return found


def _refuse_another_type(wanted: _Wanted, found: Trial) -> None:
    from connector.mapping.dialect import DIALECTS

    dialect = DIALECTS[wanted.source]
    its_type = dialect.type_of(found.payload)
    if found.source != wanted.source or dialect.normal(its_type) != dialect.normal(wanted.type):
        raise UsageError(
            f"the event to go by is {its_type!r} of {found.source}, not {wanted.type!r} of {wanted.source}"
        )


async def _latest(session: Session, wanted: _Wanted, app_id: str | None) -> Trial | None:
    from connector.cli.mappings import trial
    from connector.inbox import coverage, store

    chosen = await session.workspace_id(app_id)
    for workspace_id in list(await session.app_ids()) if chosen is None else [chosen]:
        key = await session.database.read(coverage.newest, workspace_id, wanted.source, wanted.type)
        if key is None:
            newest = store.Filter(workspace_id, source=wanted.source, type=wanted.type)
            key = next((each.key for each in await session.database.read(store.page, newest, limit=1)), None)
        stored = await session.database.read(store.find, workspace_id, key) if key else None
        if stored is not None and stored[1] is not None:
            return await trial.of_stored(session, stored[0], stored[1], options(session.settings))
    return None


def _written(settings: Settings, found: Loaded, wanted: _Wanted, payload: Trial | None, name: str | None) -> _Written:
    """The document, which passes check and test. Raises UsageError where it would not."""
    from connector.mapping.proposal import propose, proposed_name

    called = name or _shipped_name(found.catalog, wanted) or proposed_name(wanted.source, wanted.type)
    proposal = propose(
        wanted.source,
        wanted.type,
        payload.payload if payload else None,
        limit=min(MOST_KEYS, settings.metadata_keys),
        name=called,
        taken=_types_of(found.catalog, wanted.source, called),
    )
    entry = _checked(settings, found, proposal.text())
    text = proposal.text(_example(entry, proposal, payload)) if payload else proposal.text()
    return _Written(text, _checked(settings, found, text))


def _checked(settings: Settings, found: Loaded, text: str) -> Entry:
    """The entry in `text`, laid over what is there. Raises UsageError with what is wrong with it."""
    from connector.mapping.review import Checks
    from connector.mapping_files import load, run_examples

    name = "the new entry"
    whole = load(found.folders, Checks(settings.metadata_keys, thorough=True), over=(name, text))
    problems = [problem for problem in whole.problems if problem.file == name and not problem.warning]
    entry = next((entry for entry in whole.catalog.entries if entry.place.file == name), None)
    if problems or entry is None:
        raise UsageError("; ".join(f"{each.what}: {each.remedy}" for each in problems) or "nothing can be made of this")
    _refuse_second(found, entry)
    failed = [ran for ran in run_examples(whole, [entry], options=options(settings)) if not ran.ok]
    if failed:
        raise SettingsError(f"the example does not pass: {'; '.join(failed[0].differences)}")
    return entry


def _refuse_second(found: Loaded, entry: Entry) -> None:
    """An id may be in an operator's own files once."""
    own = [each for each in found.catalog.entries if each.id == entry.id and not _is_shipped(each, found)]
    if own:
        place = f"{own[0].place.file}:{own[0].place.line}"
        raise UsageError(f"{place} has `{entry.id}` already: change it there, or choose another --name")


def _is_shipped(entry: Entry, found: Loaded) -> bool:
    return found.folders[0] in Path(entry.place.file).parents


def _example(entry: Entry, proposal: Proposal, payload: Trial) -> dict[str, Any] | None:
    """The payload, cut down to what the entry reads, and what it becomes; None where it becomes nothing.

    Examples know no workspace: neither its language nor its time zone.
    """
    from connector.events import IntercomEvent
    from connector.mapping.example import became_of
    from connector.mapping.proposal.document import example_of
    from connector.mapping.proposal.tracing import traced

    seen = traced(dict(payload.payload))
    became = became_of(entry, seen, replace(payload.options, time_zone="UTC", language="en"))
    return example_of(proposal.source, seen, became) if isinstance(became, IntercomEvent) else None


def _shipped_name(catalog: Catalog, wanted: _Wanted) -> str | None:
    """The name that the catalogue has for exactly this type: an entry of one's own takes its place."""
    from connector.mapping.dialect import DIALECTS

    trigger = DIALECTS[wanted.source].normal(wanted.type)
    found = [entry for entry in catalog.entries if entry.source == wanted.source and entry.triggers == (trigger,)]
    return found[0].name if len(found) == 1 else None


def _types_of(catalog: Catalog, source: str, name: str) -> dict[str, MetadataType]:
    """The types that keys have in other entries of this name, by key in lower case."""
    from connector.mapping.assembly import sent_types
    from connector.mapping.event_name import same_name

    others = [entry for entry in catalog.entries if same_name(entry.name or "") == same_name(name)]
    return {
        key.casefold(): kind for entry in others if entry.id != f"{source}:{name}" for key, kind in sent_types(entry)
    }


def _append(output: Path, text: str) -> None:
    """Put the document behind what is in the file. Raises UsageError."""
    from connector.mapping_files import MAX_FILE

    if output.suffix not in (".yaml", ".yml"):
        raise UsageError(f"--output: {output} does not end in .yaml, and would not be read")
    before = output.read_text("utf-8") if output.exists() else ""
    joined = f"{before.rstrip()}\n---\n{text}" if before.strip() else text
    if len(joined.encode("utf-8", "surrogatepass")) > MAX_FILE:
        raise UsageError(f"--output: {output} would be larger than {MAX_FILE // 1024} KiB, choose another file")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(joined, "utf-8")


def _next_step(settings: Settings, output: Path) -> str:
    own = settings.mappings_dir
    if own is None or own.resolve() not in output.resolve().parents:
        return f"The service does not read it yet: set CONNECTOR_MAPPINGS_DIR={output.parent}"
    return "Look it over, then: connector mappings check && connector mappings test"


def _remarks(catalog: Catalog, written: _Written, payload: Trial | None) -> list[str]:
    """What an operator has to know about the new entry."""
    entry = written.entry
    event_type = entry.definition.trigger[0]
    said = []
    if replaced := next((each for each in catalog.entries if each.id == entry.id), None):
        more = [trigger for trigger in replaced.definition.trigger if trigger not in entry.definition.trigger]
        also = f", which also takes {', '.join(more)}" if more else ""
        said.append(f"! it replaces the shipped entry `{entry.id}`{also}")
    others = [each.id for each in catalog.select(entry.source, event_type) if each.id != entry.id]
    if others := [other for other in others if not other.endswith("*")]:
        said.append(f"! events of this type are taken by {', '.join(others)} as well: each sends its own")
    said += [
        f'the catalogue has `{off.id}` for this type, off: `- {{id: "{off.id}", enabled: true}}` turns it on'
        for off in catalog.switched_off(entry.source, event_type)
        if off.id != entry.id and off.name
    ]
    if payload is None:
        said.append("no event of this type has been received: --from FILE makes metadata and an example of one")
    else:
        said.append("! its example is from a real event: look for personal data before you commit the file")
    return said
