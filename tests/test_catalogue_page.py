"""docs/catalogue.md says what the mapping files say: `python -m tests.test_catalogue_page` writes it from them, and
this test keeps it so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from connector.mapping.catalog import Catalog
from connector.mapping.entry import Entry
from connector.mapping_files import load, shipped_folder

PAGE = Path(__file__).parent.parent / "docs" / "catalogue.md"
TITLES = {
    "subscriptions": "Stripe: subscriptions",
    "plan_changes": "Stripe: changes of plan",
    "cancellations": "Stripe: cancellations",
    "invoices": "Stripe: invoices",
    "payments": "Stripe: payments and refunds",
    "checkout": "Stripe: Checkout",
    "disputes": "Stripe: disputes",
    "customers": "Stripe: customers",
    "ecommerce_orders": "Segment: e-commerce, orders",
    "ecommerce_products": "Segment: e-commerce, products",
    "b2b_saas": "Segment: B2B SaaS",
    "other": "Segment: everything else",
}
"""The files, in the order of the page."""

INTRODUCTION = """\
# The shipped events

Every event that the connector sends before you have written a line of your own, and some that are there but off,
with their metadata in the order of sending. This page is written from [`mappings/`](../mappings/README.md), where
you also find how to turn an event on or off, replace it or add your own.

A **money** value is exact, in hundredths of its currency, and goes as `…_amount` and `…_currency` where Intercom
cannot say it (zero, negative). A **date** is Unix seconds, a **rich link** a title over an address, **Stripe data**
an id that Intercom links to Stripe. A value that the sender leaves out leaves its key out. *Once* means that several
webhooks about one fact make one event.
"""


def test_the_page_is_what_the_files_say() -> None:
    written = PAGE.read_text()
    assert written == page(load([shipped_folder()]).catalog), "run `python -m tests.test_catalogue_page`"


def page(catalog: Catalog) -> str:
    by_file = sorted(catalog.entries, key=_position)
    sections = [_section(stem, entries) for stem, entries in groupby(by_file, key=_file)]
    return "\n".join([INTRODUCTION, *_summary(catalog), *sections])


def _summary(catalog: Catalog) -> Iterator[str]:
    on = [entry for entry in catalog.entries if entry.enabled]
    stripe = sum(entry.source == "stripe" for entry in on)
    segment = len(on) - stripe
    yield f"{len(on)} are on, of the 120 names that Intercom allows: {stripe} of Stripe, {segment} of Segment.\n"


def _section(stem: str, entries: Iterable[Entry]) -> str:
    rows = (f"| {' | '.join(_row(entry))} |" for entry in entries)
    head = ("| event | sent when | from | metadata |", "|---|---|---|---|")
    return "\n".join([f"## {TITLES[stem]}\n", *head, *rows, ""])


def _row(entry: Entry) -> tuple[str, str, str, str]:
    name = f"`{entry.name}`" if entry.name else "its own name, turned round"
    triggers = ", ".join(f"`{trigger}`" for trigger in entry.definition.trigger)
    return (
        name if entry.enabled else f"{name} (off)",
        entry.description,
        triggers + (", once" if entry.once else ""),
        ", ".join(f"`{key}` {kind.value}" for key, kind in entry.types.items()) or _taken_over(entry),
    )


def _taken_over(entry: Entry) -> str:
    return ", ".join(f"`{key}`" for key in entry.definition.metadata.only or ()) + " as they are"


def _file(entry: Entry) -> str:
    return Path(entry.place.file).stem


def _position(entry: Entry) -> tuple[int, int]:
    return list(TITLES).index(_file(entry)), entry.place.line


if __name__ == "__main__":
    PAGE.write_text(page(load([shipped_folder()]).catalog))
