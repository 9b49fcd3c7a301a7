"""Which entries an event selects, and when two catalogues behave alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.mapping.catalog import Catalog
from connector.mapping_files import load

SEGMENT = """\
version: 1
source: segment
contact: {user_id: userId}
events:
  - {trigger: track Order Completed, name: completed-order}
  - {trigger: track order_completed, name: placed-order}
  - {trigger: track Cart Viewed, name: viewed-cart, enabled: false}
  - {trigger: track *, name: did-something}
  - {trigger: page Pricing, name: viewed-pricing}
  - {trigger: page, name: viewed-nameless-page}
  - {trigger: screen *, name: viewed-screen}
  - {trigger: identify, name: signed-up}
"""
STRIPE = """\
version: 1
source: stripe
contact: {stripe_customer: data.object.customer}
events:
  - {trigger: [invoice.paid, invoice.payment_succeeded], name: paid-invoice}
  - {trigger: "*", name: did-something, id: anything}
"""


def catalog(folder: Path, *documents: str) -> Catalog:
    (folder / "all.yaml").write_text("---\n".join(documents))
    loaded = load([folder])
    assert loaded.ok, loaded.problems
    return loaded.catalog


@pytest.mark.parametrize(
    ("event_type", "names"),
    [
        ("track Order Completed", ["completed-order", "placed-order"]),
        ("track ORDER-completed", ["completed-order", "placed-order"]),
        ("TRACK order completed", ["completed-order", "placed-order"]),
        ("track Something Else", ["did-something"]),
        ("track", ["did-something"]),
        # one that is off takes nothing, so that the catch-all does
        ("track Cart Viewed", ["did-something"]),
        ("page Pricing", ["viewed-pricing"]),
        ("page pricing", ["viewed-pricing"]),
        ("page Contact", []),
        ("page", ["viewed-nameless-page"]),
        ("screen", ["viewed-screen"]),
        ("screen Home", ["viewed-screen"]),
        ("identify", ["signed-up"]),
        ("alias", []),
        ("", []),
        ("unparseable", []),
    ],
)
def test_a_segment_event_selects_what_its_call_and_name_ask_for(event_type: str, names: list[str], tmp_path: Path):
    found = catalog(tmp_path, SEGMENT, STRIPE).select("segment", event_type)
    assert [entry.name for entry in found] == names


@pytest.mark.parametrize(
    ("event_type", "ids"),
    [
        ("invoice.paid", ["stripe:paid-invoice"]),
        ("invoice.payment_succeeded", ["stripe:paid-invoice"]),
        ("Invoice.Paid", ["anything"]),
        ("charge.failed", ["anything"]),
    ],
)
def test_a_stripe_event_selects_by_its_exact_type(event_type: str, ids: list[str], tmp_path: Path):
    found = catalog(tmp_path, SEGMENT, STRIPE).select("stripe", event_type)
    assert [entry.id for entry in found] == ids


def test_an_unknown_source_selects_nothing(tmp_path: Path):
    assert catalog(tmp_path, STRIPE).select("paddle", "invoice.paid") == ()


def test_triggers_are_those_of_enabled_entries_as_they_are_written(tmp_path: Path):
    found = catalog(tmp_path, SEGMENT, STRIPE)
    assert found.triggers("stripe") == ("*", "invoice.paid", "invoice.payment_succeeded")
    assert found.triggers("segment") == (
        "identify",
        "page",
        "page Pricing",
        "screen *",
        "track *",
        "track order_completed",
    )


CONTACT = "contact: {email: data.object.email}"
BEHAVIOUR = """\
version: 1
source: stripe
contact: {email: data.object.email}
events:
  - trigger: invoice.paid
    name: paid-invoice
    metadata: {a: data.object.a, b: data.object.b}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    name: paid-invoice", "    name: paid-invoice\n    description: It was paid."),
        ("    name: paid-invoice", "    name: paid-invoice\n    examples: [{payload: {}, gives: nothing}]"),
        ("    name: paid-invoice", "    name: paid-invoice\n    enabled: true"),
        ("data.object.a,", "data.object.a ,"),
        ("version", "# a remark\nversion"),
        (
            "contact: {email: data.object.email}\nevents:\n  - ",
            "events:\n  - contact: {email: data.object.email}\n    ",
        ),
    ],
)
def test_what_changes_no_behaviour_changes_no_digest(old: str, new: str, tmp_path: Path):
    assert catalog(tmp_path, BEHAVIOUR).digest == catalog(tmp_path, BEHAVIOUR.replace(old, new)).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("paid-invoice", "sent-invoice"),
        ("invoice.paid", "invoice.sent"),
        ("    name: paid-invoice", "    name: paid-invoice\n    id: other"),
        ("    name: paid-invoice", "    name: paid-invoice\n    enabled: false"),
        ("    name: paid-invoice", "    name: paid-invoice\n    when: livemode"),
        ("a: data.object.a, b: data.object.b", "b: data.object.b, a: data.object.a"),
        ("a: data.object.a", "a: {number: data.object.a}"),
        ("a: data.object.a", "a: data.object.c"),
        ("events:", "defaults: {created_at: data.object.at}\nevents:"),
    ],
)
def test_what_changes_behaviour_changes_the_digest(old: str, new: str, tmp_path: Path):
    assert catalog(tmp_path, BEHAVIOUR).digest != catalog(tmp_path, BEHAVIOUR.replace(old, new)).digest
