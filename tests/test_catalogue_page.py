"""docs/catalogue.md says what the mapping files say: `python -m tests.test_catalogue_page` writes it from them, and
this test keeps it so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from connector.mapping.catalog import Catalog
from connector.mapping.entry import Entry
from connector.mapping_files import check, load, shipped_folder

PAGE = Path(__file__).parent.parent / "docs" / "catalogue.md"
TITLES = {
    "stripe/subscriptions": "Stripe: subscriptions",
    "stripe/plan_changes": "Stripe: changes of plan",
    "stripe/cancellations": "Stripe: cancellations",
    "stripe/schedules": "Stripe: subscriptions planned ahead",
    "stripe/invoices": "Stripe: invoices",
    "stripe/invoice_steps": "Stripe: steps of an invoice",
    "stripe/invoice_items": "Stripe: items of the next invoice",
    "stripe/credit_notes": "Stripe: credit notes",
    "stripe/quotes": "Stripe: quotes",
    "stripe/payments": "Stripe: payments and refunds",
    "stripe/payment_intents": "Stripe: steps of a payment",
    "stripe/refunds": "Stripe: steps of a refund",
    "stripe/checkout": "Stripe: Checkout",
    "stripe/disputes": "Stripe: disputes",
    "stripe/risk": "Stripe: fraud warnings and reviews",
    "stripe/payment_methods": "Stripe: payment methods",
    "stripe/payment_setups": "Stripe: payment methods set up for later",
    "stripe/payment_sources": "Stripe: cards and sources of the older kind",
    "stripe/customers": "Stripe: customers",
    "stripe/discounts": "Stripe: discounts and promotion codes",
    "stripe/tax_ids": "Stripe: tax numbers",
    "stripe/credits_and_usage": "Stripe: credits, usage, entitlements",
    "stripe/identity": "Stripe: identity",
    "stripe/orders": "Stripe: orders of old",
    "segment/ecommerce_orders": "Segment: e-commerce, orders",
    "segment/ecommerce_products": "Segment: e-commerce, products",
    "segment/b2b_saas": "Segment: B2B SaaS",
    "segment/mobile": "Segment: mobile",
    "segment/video": "Segment: video",
    "segment/email": "Segment: e-mail",
    "segment/live_chat": "Segment: live chat",
    "segment/ai_copilot": "Segment: AI copilot",
    "segment/engage": "Segment: audiences, experiments, violations",
    "segment/calls": "Segment: identify, group, page, screen, alias",
    "segment/other": "Segment: everything else",
}
"""The files, in the order of the page."""

INTRODUCTION = """\
# The shipped events

Every event that the connector sends before you have written a line of your own, and all that are there but off, with
their metadata in the order of sending. This page is written from [`mappings/`](../mappings/README.md), where you also
find how to replace an event or add your own.

A **money** value is exact, in hundredths of its currency, and goes as `…_amount` and `…_currency` where Intercom
cannot say it (zero, negative). A **date** is Unix seconds, a **rich link** a title over an address, **Stripe data**
an id that Intercom links to Stripe. A value that the sender leaves out leaves its key out. *Once* means that several
webhooks about one fact make one event.

**To turn a family on**, put the lines below its table into a `.yaml` file in `CONNECTOR_MAPPINGS_DIR` and leave out
what you do not want. A line that begins with `#` stands for an event that tells what another one tells already: take
the `#` away and turn the other off. `connector mappings check` counts the names for you.
"""
SAME_FACT = "same fact as"
"""The words by which a description says that another event tells this already."""


def test_the_page_is_what_the_files_say() -> None:
    written = PAGE.read_text()
    assert written == page(load([shipped_folder()]).catalog), "run `python -m tests.test_catalogue_page`"


def test_the_lines_that_turn_a_family_on_do(tmp_path: Path) -> None:
    shipped = load([shipped_folder()]).catalog
    blocks = PAGE.read_text().split("```yaml\n")[1:]
    (tmp_path / "own.yaml").write_text("---\n".join(block.partition("```")[0] for block in blocks))
    loaded = check([shipped_folder(), tmp_path])
    problems = [problem for problem in loaded.problems if "names are enabled" not in problem.what]
    assert problems == []
    still_off = {entry.id for entry in loaded.catalog.entries if not entry.enabled}
    assert still_off == {entry.id for entry in shipped.entries if not entry.enabled and SAME_FACT in entry.description}


def page(catalog: Catalog) -> str:
    by_file = sorted(catalog.entries, key=_position)
    sections = [_section(name, list(entries)) for name, entries in groupby(by_file, key=_file)]
    return "\n".join([INTRODUCTION, *_summary(catalog), *sections])


def _summary(catalog: Catalog) -> Iterator[str]:
    on = [entry for entry in catalog.entries if entry.enabled]
    stripe = sum(entry.source == "stripe" for entry in on)
    segment, off = len(on) - stripe, len(catalog.entries) - len(on)
    yield f"**{len(on)} are on**, of the 120 names that Intercom allows: {stripe} of Stripe, {segment} of Segment.\n"
    yield f"**{off} are off**, each one line from on.\n"


def _section(name: str, entries: Sequence[Entry]) -> str:
    on = [entry for entry in entries if entry.enabled]
    off = [entry for entry in entries if not entry.enabled]
    parts = [f"## {TITLES[name]}\n", *_table("on", on), *_table("off", off), *_lines(name, off)]
    return "\n".join(parts)


def _table(state: str, entries: Sequence[Entry]) -> Iterator[str]:
    if entries:
        yield f"| {state} | sent when | from | metadata |\n|---|---|---|---|"
        yield from (f"| {' | '.join(_row(entry))} |" for entry in entries)
        yield ""


def _lines(name: str, off: Sequence[Entry]) -> Iterator[str]:
    """What turns the family's other events on."""
    if off:
        yield f"```yaml\nversion: 1\nsource: {name.partition('/')[0]}\nevents:"
        yield from (_line(entry) for entry in off)
        yield "```\n"


def _line(entry: Entry) -> str:
    return f'  {"# " if SAME_FACT in entry.description else ""}- {{id: "{entry.id}", enabled: true}}'


def _row(entry: Entry) -> tuple[str, str, str, str]:
    name = f"`{entry.name}`" if entry.name else "its own name, turned round"
    triggers = ", ".join(f"`{trigger}`" for trigger in entry.definition.trigger)
    return (
        name,
        entry.description.strip(),
        triggers + (", once" if entry.once else ""),
        ", ".join(f"`{key}` {kind.value}" for key, kind in entry.types.items()) or _taken_over(entry),
    )


def _taken_over(entry: Entry) -> str:
    return ", ".join(f"`{key}`" for key in entry.definition.metadata.only or ()) + " as they are"


def _file(entry: Entry) -> str:
    path = Path(entry.place.file)
    return f"{path.parent.name}/{path.stem}"


def _position(entry: Entry) -> tuple[int, int]:
    return list(TITLES).index(_file(entry)), entry.place.line


if __name__ == "__main__":
    PAGE.write_text(page(load([shipped_folder()]).catalog))
