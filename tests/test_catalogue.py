"""The shipped catalogue: without mistakes, every example true, its names and the types of their keys fixed for good."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml

from connector.events import IntercomEvent
from connector.mapping.entry import Entry
from connector.mapping.event_name import same_name
from connector.mapping.example import Ran
from connector.mapping_files import Loaded, check, load, run_examples, shipped_folder

FROZEN = Path(__file__).parent / "payloads/catalogue/frozen.yaml"
MAX_KEYS = 10
MAX_STRIPE_NAMES = 20
TEACHES_WHO_IS_WHO = ("identify", "alias", "group", "page", "screen", "customer.", "product.")
"""What the story also sends: read for people and names, and no event of its own."""


@cache
def shipped() -> Loaded:
    return load([shipped_folder()])


def entries(source: str) -> list[Entry]:
    return [entry for entry in shipped().catalog.entries if entry.source == source]


def on(source: str) -> list[Entry]:
    return [entry for entry in entries(source) if entry.enabled]


def examples() -> list[Ran]:
    return run_examples(shipped())


def test_check_finds_nothing_to_say_about_the_shipped_files() -> None:
    assert [str(problem) for problem in check([shipped_folder()]).problems] == []


@pytest.mark.parametrize("ran", examples(), ids=lambda ran: f"{ran.entry.id} {Path(ran.payload).stem}")
def test_an_example_becomes_what_it_says(ran: Ran) -> None:
    assert ran.differences == ()


def test_no_example_loses_anything_on_the_way() -> None:
    assert [(ran.payload, ran.became.notes) for ran in examples() if ran.became and ran.became.notes] == []


@pytest.mark.parametrize("entry", entries("stripe"), ids=lambda entry: entry.id)
def test_every_stripe_entry_has_an_example_for_each_of_its_types(entry: Entry) -> None:
    shown = {Path(ran.payload).name.split("-", 1)[1] for ran in examples() if ran.entry.id == entry.id}
    assert all(any(name.startswith(trigger) for name in shown) for trigger in entry.triggers)
    assert any(isinstance(ran.became, IntercomEvent) for ran in examples() if ran.entry.id == entry.id)


def test_every_file_shows_what_it_does() -> None:
    by_file: dict[str, bool] = {}
    for entry in shipped().catalog.entries:
        by_file[entry.place.file] = by_file.get(entry.place.file, False) or bool(entry.examples)
    assert [file for file, shows in by_file.items() if not shows] == []


def test_names_and_the_types_of_their_keys_never_change() -> None:
    frozen = yaml.safe_load(FROZEN.read_text())
    now = {
        source: {
            entry.name: {key: kind.value for key, kind in entry.types.items()}
            for entry in entries(source)
            if entry.name is not None
        }
        for source in frozen
    }
    assert now == frozen, "a new name or key is added to frozen.yaml; one that is there is never changed"


def test_one_name_belongs_to_one_entry() -> None:
    names = Counter(entry.name for source in ("stripe", "segment") for entry in entries(source))
    assert [name for name, count in names.items() if name is not None and count > 1] == []


def test_at_most_twenty_stripe_names_are_on() -> None:
    assert 0 < len({entry.name for entry in on("stripe")}) <= MAX_STRIPE_NAMES


def test_half_of_the_names_that_a_workspace_holds_are_left_to_its_operator() -> None:
    assert len({same_name(entry.name) for entry in shipped().catalog.entries if entry.enabled and entry.name}) <= 60


def test_the_pass_through_is_there_and_off() -> None:
    (catch_all,) = [entry for entry in entries("segment") if entry.name is None]
    assert catch_all.triggers == ("track *",)
    assert not catch_all.enabled


def test_no_entry_has_more_keys_than_intercom_keeps() -> None:
    assert [entry.id for entry in shipped().catalog.entries if len(entry.types) > MAX_KEYS] == []


def test_every_entry_says_what_happened_and_to_whom() -> None:
    assert [entry.id for entry in shipped().catalog.entries if not (entry.description and entry.contact)] == []


def test_the_readme_shows_how_to_turn_an_entry_on_and_off(tmp_path: Path) -> None:
    shown = (shipped_folder() / "README.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "own.yaml").write_text(shown)
    loaded = check([shipped_folder(), tmp_path])
    assert loaded.problems == ()
    turned = {entry.id for entry in loaded.catalog.entries if entry.enabled} ^ {
        entry.id for entry in shipped().catalog.entries if entry.enabled
    }
    assert turned == {"stripe:abandoned-checkout", "stripe:created-customer", "segment:track *"}


def test_every_payload_is_an_example_or_says_who_is_who() -> None:
    shown = {Path(ran.entry.place.file).parent / ran.payload for ran in examples()}
    for path in sorted(shipped_folder().glob("*/payloads/**/*.json")):
        what = path.stem.split("-", 1)[1]
        assert path in shown or what.startswith(TEACHES_WHO_IS_WHO), path.name
