"""The page for people: everything shown, nothing executed."""

from __future__ import annotations

import json


async def test_the_page_shows_names_contacts_values_and_types(call, submit, ada):
    metadata = {
        "price": {"amount": 123456, "currency": "usd"},
        "paid_date": 1795225780,
        "invoice": {"url": "https://example.com/1", "value": "A-1"},
        "attempts": 3,
        "plan": "Pro",
    }
    await submit(metadata=metadata)
    page = (await call("GET", "/")).body
    for shown in ("paid-invoice", "ada@example.com", "1,234.56 USD", "monetary amount", "2026-11-21 01:49:40", "Pro"):
        assert shown in page
    assert '<a href="https://example.com/1" rel="noopener noreferrer">A-1</a>' in page


async def test_duplicates_and_ignored_keys_are_marked(call, submit, ada):
    await submit(metadata={f"key_{n}": n for n in range(11)})
    await submit()
    page = (await call("GET", "/")).body
    assert "keys ignored: key_10" in page
    assert "duplicate, ignored" in page
    assert "2 events accepted, 1 stored, 1 duplicates ignored." in page


async def test_what_a_sender_wrote_is_text_and_never_markup(sandbox, call, submit):
    evil = '"><script>alert(1)</script>'
    sandbox.add_contact(external_id="ada", email=f"{evil}@example.com")
    await submit(evil, metadata={f"k<b>{1}": evil, "link": f"https://example.com/{evil}"})
    page = (await call("GET", "/")).body
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert 'href="https://example.com/&quot;&gt;&lt;script' in page


async def test_the_browser_is_told_to_run_nothing(call):
    answer = await call("GET", "/")
    assert "default-src 'none'; style-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    style = await call("GET", "/sandbox/page.css")
    assert style.headers["Content-Type"] == "text/css; charset=utf-8"


async def test_an_empty_sandbox_says_so(call):
    assert "Nothing has arrived yet" in (await call("GET", "/")).body


async def test_values_that_no_one_should_send_do_not_break_the_page(call, ada):
    metadata = {"note": "\ud800", "far_date": 10**18, "price": {"amount": 10**400, "currency": "jpy"}}
    event = {"event_name": "paid-invoice", "created_at": 1, "user_id": "ada", "metadata": metadata}
    assert (await call("POST", "/events", json.dumps(event).encode())).status == 202
    assert (await call("GET", "/")).status == 200
    assert (await call("GET", "/sandbox/events")).body["events"][0]["metadata"] == metadata
