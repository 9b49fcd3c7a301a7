"""One entry as a document of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.catalogues.built import build
from connector.catalogues.mapping_set import SHIPPED_ALONE, MappingSet
from connector.mapping.entry import Entry
from connector.mapping.excerpt import excerpt
from connector.mapping.explain import explain
from connector.mapping.review import Checks

SHIPPED = build(SHIPPED_ALONE, Checks(10))


def meant(entry: Entry) -> tuple[object, ...]:
    """What it does; not where it stands, nor what it is tried with."""
    return entry.enabled, explain(entry), entry.types, entry.definition.trigger, entry.name


@pytest.mark.parametrize("family", sorted({Path(each.place.file).stem for each in SHIPPED.catalog.entries}))
def test_every_shipped_entry_laid_over_itself_changes_nothing(family: str):
    entries = [each for each in SHIPPED.catalog.entries if Path(each.place.file).stem == family]
    documents = {
        f"own/{number}.yaml": excerpt(Path(each.place.file).read_text(), each.place.line, each.id)
        for number, each in enumerate(entries)
    }
    built = build(MappingSet(documents), Checks(10, thorough=True))
    assert built.mistakes == []
    now = {each.id: each for each in built.catalog.entries}
    assert now.keys() == {each.id for each in SHIPPED.catalog.entries}
    for each in entries:
        assert now[each.id].place.file.startswith("own/"), each.id
        assert meant(now[each.id]) == meant(each), each.id


def test_an_entry_keeps_its_id_when_its_copy_gets_another_name():
    entry = next(each for each in SHIPPED.catalog.entries if each.id == "stripe:paid-invoice")
    text = excerpt(Path(entry.place.file).read_text(), entry.place.line, entry.id)
    assert "examples:" not in text
    assert text.count("trigger:") == 1
    built = build(MappingSet({"console.yaml": text.replace("name: paid-invoice", "name: settled-invoice")}), Checks(10))
    found = next(each for each in built.catalog.entries if each.id == "stripe:paid-invoice")
    assert found.name == "settled-invoice"
