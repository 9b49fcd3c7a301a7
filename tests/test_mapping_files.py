"""Folders of mapping files: layers, examples on disk, and entries told in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connector.errors import UsageError
from connector.mapping.document import Document
from connector.mapping.explain import explain
from connector.mapping_files import Loaded, check, load, run_examples, shipped_folder

from .mapping.yaml_files import INVALID, VALID

HEAD = "version: 1\nsource: stripe\ncontact: {email: data.object.email}\nevents:\n"
PAID = HEAD + "  - trigger: invoice.paid\n    name: paid-invoice\n    metadata: {plan: data.object.plan}\n"
SENT = HEAD + "  - {trigger: invoice.sent, name: sent-invoice}\n"


def folder(at: Path, **files: str) -> Path:
    for name, text in files.items():
        path = at / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return at


def names(loaded: Loaded) -> list[str]:
    return sorted(entry.name or "" for entry in loaded.catalog.entries if entry.enabled)


def whats(loaded: Loaded) -> list[str]:
    return [problem.what for problem in loaded.problems]


def test_all_files_below_a_folder_are_read_and_hidden_ones_are_not(tmp_path: Path):
    folder(tmp_path, stripe__paid=PAID, deep__er__sent=SENT, **{".hidden__x": "not: [yaml"})
    (tmp_path / ".draft.yaml").write_text("not: [yaml")
    (tmp_path / "notes.txt").write_text("not: [yaml")
    assert names(load([tmp_path])) == ["paid-invoice", "sent-invoice"]


def test_an_own_entry_replaces_the_shipped_one_of_its_id_as_a_whole(tmp_path: Path):
    shipped = folder(tmp_path / "shipped", all=PAID)
    own = folder(tmp_path / "own", mine=PAID.replace("metadata: {plan: data.object.plan}", "once: data.object.id"))
    loaded = load([shipped, own])
    assert loaded.ok
    assert [entry.types for entry in loaded.catalog.entries] == [{}]
    assert loaded.catalog.entries[0].place.file == str(own / "mine.yaml")


def test_an_own_line_turns_a_shipped_entry_off_and_another_one_on(tmp_path: Path):
    shipped = folder(tmp_path / "shipped", paid=PAID, sent=SENT.replace("invoice}", "invoice, enabled: false}"))
    switches = "  - {id: 'stripe:paid-invoice', enabled: false}\n  - {id: 'stripe:sent-invoice', enabled: true}\n"
    own = folder(tmp_path / "own", mine=HEAD.replace("contact: {email: data.object.email}\n", "") + switches)
    loaded = load([shipped, own])
    assert loaded.ok, loaded.problems
    assert names(loaded) == ["sent-invoice"]
    assert loaded.catalog.digest != load([shipped]).catalog.digest


def test_the_same_id_in_two_folders_is_no_mistake_and_in_two_files_of_one_it_is(tmp_path: Path):
    one, two = folder(tmp_path / "one", a=PAID, b=PAID), folder(tmp_path / "two", a=PAID)
    assert whats(load([one])) == [f"`stripe:paid-invoice` is the id of the entry at {one / 'a.yaml'}:5 too"]
    assert load([two, folder(tmp_path / "three", a=PAID)]).ok


def test_a_type_that_differs_from_the_shipped_entrys_of_that_name_is_a_mistake(tmp_path: Path):
    shipped = folder(tmp_path / "shipped", a=PAID)
    other = PAID.replace("plan: data.object.plan", "Plan: {number: data.object.plan}").replace(
        "name: paid", "id: mine\n    name: paid"
    )
    own = folder(tmp_path / "own", b=other)
    assert whats(load([shipped, own])) == [
        f"`Plan` of `paid-invoice` is number here and text at {shipped / 'a.yaml'}:5"
    ]


def test_a_hundred_names_are_a_warning_and_more_than_intercom_keeps_a_mistake(tmp_path: Path):
    def catalogue(count: int) -> Loaded:
        rules = "".join(f"  - {{trigger: invoice.paid, name: paid-{number}}}\n" for number in range(count))
        return load([folder(tmp_path, all=HEAD + rules)])

    assert catalogue(99).problems == ()
    warned, refused = catalogue(100), catalogue(121)
    assert warned.ok
    assert whats(warned) == ["100 event names are enabled, and Intercom keeps 120"]
    assert not refused.ok


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path):
    with pytest.raises(UsageError, match="there is no folder"):
        load([tmp_path / "nowhere"])


def test_english_is_for_authors_and_not_for_a_running_service(tmp_path: Path):
    folder(tmp_path, a=PAID.replace("paid-invoice", "invoice-payment"))
    assert load([tmp_path]).ok
    assert whats(check([tmp_path])) == ["`invoice-payment` does not begin with a past-tense verb"]


def test_an_example_is_looked_for_beside_its_file_and_at_the_top_of_its_catalogue(tmp_path: Path):
    example = "    examples: [{file: payloads/paid.json, gives: {metadata: {plan: Pro}}}]\n"
    root = folder(tmp_path, stripe__paid=PAID + example)
    loaded = load([root])
    assert [one.differences for one in run_examples(loaded)] == [("there is no file payloads/paid.json",)]
    payload = root / "payloads" / "paid.json"
    payload.parent.mkdir()
    payload.write_text(json.dumps({"type": "invoice.paid", "data": {"object": {"plan": "Pro"}}}))
    assert [one.ok for one in run_examples(loaded)] == [True]
    nearer = root / "stripe" / "payloads" / "paid.json"
    nearer.parent.mkdir()
    nearer.write_text(json.dumps({"type": "charge.failed", "data": {"object": {"plan": "Basic"}}}))
    assert [one.differences for one in run_examples(loaded)] == [
        (
            "trigger: the payload is `charge.failed`, which is none of `invoice.paid`",
            "metadata.plan is 'Basic' instead of 'Pro'",
        )
    ]
    nearer.write_text("[NaN]")
    assert [one.differences for one in run_examples(loaded)] == [
        ("payloads/paid.json is no event: NaN is not a JSON number",)
    ]


@pytest.mark.parametrize(
    ("gives", "payload", "difference"),
    [
        ("nothing", {"data": {"object": {"paid": True}}}, "becomes `paid-invoice` instead of nothing"),
        ("{name: sent-bill}", {"data": {"object": {"paid": 1}}}, "name is 'paid-invoice' instead of 'sent-bill'"),
        ("{}", {"data": {"object": {"paid": False}}}, "becomes nothing (when)"),
        ("{once: a}", {"data": {"object": {"paid": True}}}, "once is absent instead of 'a'"),
        ("{created_at: 1}", {"created": 2**30, "data": {"object": {"paid": 1}}},
         "created_at is 1073741824 instead of 1"),
        ("{contact: {email: a@b.c}}", {"data": {"object": {"paid": 1}}}, "contact.email is absent instead of 'a@b.c'"),
        ("{metadata: {n: true}}", {"data": {"object": {"paid": 1, "n": 1}}}, "metadata.n is 1 instead of True"),
        ("{metadata: {n: null}}", {"data": {"object": {"paid": 1, "n": 1}}}, "metadata.n is 1 instead of absent"),
    ],
)  # fmt: skip
def test_an_example_says_how_it_differs(gives: str, payload: dict[str, object], difference: str, tmp_path: Path):
    rule = HEAD + "  - trigger: invoice.paid\n    name: paid-invoice\n    when: data.object.paid\n"
    rule += "    metadata: {n: {number: data.object.n}}\n"
    example = f"    examples: [{{payload: {json.dumps({'type': 'invoice.paid', **payload})}, gives: {gives}}}]\n"
    ran = run_examples(load([folder(tmp_path, a=rule + example)]))
    assert [one.differences for one in ran] == [(difference,)]


WHAT = (
    "When Stripe sends `invoice.paid` or `invoice.sent`, and ``vars.paid > `0` `` is true, "
    "Intercom gets `paid-invoice`."
)


def test_an_entry_is_told_in_words(tmp_path: Path):
    rule = (
        "  - trigger: [invoice.paid, invoice.sent]\n    name: paid-invoice\n    description: An invoice was paid.\n"
        '    when: "vars.paid > `0`"\n    once: data.object.id\n    enabled: false\n'
        "    vars: {paid: data.object.amount_paid}\n"
        "    metadata: {price: {money: vars.paid, currency: [data.object.currency, {constant: usd}]}}\n"
    )
    told = explain(load([folder(tmp_path, a=HEAD + rule)]).catalog.entries[0])
    assert told.sentences == (
        "An invoice was paid.",
        WHAT,
        "It goes to the contact with email `data.object.email`.",
        "Events with the same `data.object.id` become one.",
        "`vars.paid` is `data.object.amount_paid`.",
        "It is off: write `enabled: true` to use it.",
    )
    assert [(row.key, row.type, row.source) for row in told.rows] == [
        ("price", "money", "`vars.paid` in `data.object.currency`, else “usd”, minor units")
    ]


def test_the_shipped_catalogue_can_be_told_in_words():
    for entry in load([shipped_folder()]).catalog.entries:
        told = explain(entry)
        assert len(told.rows) == len(entry.metadata) + (entry.each is not None)
        assert all(row.source for row in told.rows)


def test_every_key_of_the_format_has_a_description():
    for key, field in Document.model_fields.items():
        assert field.description, key


def test_there_are_enough_cases():
    assert len(VALID) >= 25
    assert len(INVALID) >= 40
