"""An alert reaches whoever is outside: once for each opening, signed, tried again, and never into a private network."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from base64 import b64decode, b64encode
from typing import Any

import pytest

from connector.alarms import notices
from connector.alarms.mail import AlertMail
from connector.alarms.message import message
from connector.alarms.sending import Sending
from connector.alarms.webhook import AlertWebhook, signature
from connector.database.engine import Database
from connector.outbox import alerts
from connector.outbox.alerts import Alert
from connector.telemetry.facts import AlertNoticed
from tests.alarms.conftest import NOW
from tests.alarms.receiver import mail_server, receiving

SECRET = "whsec_" + b64encode(b"s" * 32).decode()
ALERT = Alert(7, "dead_letters", "", "12 deliveries were given up", NOW)
MESSAGE = message(ALERT, "acme")


def webhook(url: str, *, allow_private: bool = True) -> AlertWebhook:
    return AlertWebhook(url, SECRET, allow_private, clock=lambda: NOW / 1000)


class Sink:
    """Answers as it is told."""

    def __init__(self, name: str, *outcomes: str) -> None:
        self.name = name
        self.outcomes = list(outcomes)
        self.got: list[str] = []

    async def send(self, message: Any) -> str:
        self.got.append(message.alert.kind)
        return self.outcomes.pop(0) if self.outcomes else "sent"


class Outside:
    def __init__(self, database: Database, *sinks: Any) -> None:
        self.database, self.sinks = database, sinks
        self.told: list[Any] = []
        self.now = NOW

    async def open(self, kind: str = "dead_letters") -> None:
        await self.database.transact(alerts.open_alert, 7, kind, "", "detail", now=self.now)

    async def close(self, kind: str = "dead_letters") -> None:
        await self.database.transact(alerts.close_alert, 7, kind, "", now=self.now)

    async def turn(self) -> None:
        await Sending(self.database, self.sinks, self.told.append, lambda: self.now).turn()


async def test_an_alert_is_sent_once_for_each_opening(database: Database):
    sink = Sink("webhook")
    outside = Outside(database, sink)
    await outside.open()
    for _ in range(3):
        await outside.turn()
        outside.now += 60_000
    assert sink.got == ["dead_letters"]
    await outside.close()
    await outside.turn()
    await outside.open()
    await outside.turn()
    await outside.turn()
    assert sink.got == ["dead_letters"] * 2
    assert outside.told == [AlertNoticed(7, "dead_letters", "webhook", "sent")] * 2


async def test_what_was_not_sent_is_tried_again_later_and_later_and_only_there(database: Database):
    failing, well = Sink("webhook", *["status_500"] * 3), Sink("email")
    outside = Outside(database, failing, well)
    await outside.open()
    tries = []
    for seconds in range(0, 300, 10):
        await outside.turn()
        tries.append((seconds, len(failing.got)))
        outside.now += 10_000
    assert [next(at for at, count in tries if count == number) for number in (1, 2, 3, 4)] == [0, 30, 90, 210]
    assert len(failing.got) == 4
    assert len(well.got) == 1


def test_tries_are_bounded_and_never_further_apart_than_an_hour():
    waits = [notices.wait_ms(number) for number in range(1, notices.MOST_TRIES)]
    assert waits[0] == 30_000
    assert max(waits) == 3_600_000
    assert sum(waits) < 2 * 86_400_000


async def test_two_processes_send_one_of_an_alert(database: Database):
    sink = Sink("webhook")
    one, other = Outside(database, sink), Outside(database, sink)
    await one.open()
    await one.turn()
    await other.turn()
    assert len(sink.got) == 1


async def test_an_alert_that_is_over_before_it_was_told_of_is_not_told_of(database: Database):
    sink = Sink("webhook")
    outside = Outside(database, sink)
    await outside.open()
    await outside.close()
    await outside.turn()
    assert sink.got == []


async def test_a_webhook_is_signed_as_standard_webhooks_say():
    async with receiving() as receiver:
        assert await webhook(receiver.url).send(MESSAGE) == "sent"
    ((headers, body),) = receiver.got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = b64decode(SECRET.removeprefix("whsec_"))
    assert headers["webhook-signature"] == "v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-timestamp"] == str(NOW // 1000)
    sent = json.loads(body)
    assert sent["type"] == "alert.opened"
    assert sent["data"]["workspace"] == "acme"
    assert sent["data"]["detail"] == "12 deliveries were given up"
    assert sent["data"]["remedy"]


def test_the_signature_is_that_of_the_specifications_example():
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py"""
    found = signature(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_has_the_same_id_however_often_it_is_sent():
    again = Alert(7, "dead_letters", "", "13 deliveries were given up", NOW)
    assert message(again, "acme").id == MESSAGE.id
    assert message(Alert(7, "dead_letters", "", "", NOW + 1), "acme").id != MESSAGE.id


async def test_a_receiver_that_leads_elsewhere_is_not_followed():
    async with receiving() as receiver:
        receiver.status, receiver.location = 307, receiver.url
        assert await webhook(receiver.url).send(MESSAGE) == "status_307"
        assert len(receiver.got) == 1


PRIVATE = (
    "http://127.0.0.1:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://2130706433:{port}/",
    "http://0x7f.1:{port}/",
    "http://127.1:{port}/",
    "http://localhost:{port}/",
    "http://10.0.0.1/",
    "http://172.16.5.5/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://100.64.0.1/",
    "http://[fe80::1%25eth0]/",
    "http://[fd00:ec2::254]/",
    "http://224.0.0.1/",
)


@pytest.mark.parametrize("url", PRIVATE)
async def test_no_spelling_of_a_private_address_is_posted_to(url: str):
    async with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        outcome = await webhook(url.format(port=port), allow_private=False).send(MESSAGE)
        odd = "//2130706433" in url or "//127.1:" in url  # no spelling of an address to aiohttp, nor of a name
        assert outcome == ("no_connection" if odd else "private_address")
        assert receiver.got == []


async def test_a_name_that_leads_to_a_private_address_beside_a_public_one_is_refused(monkeypatch: pytest.MonkeyPatch):
    def both(host: str, port: int, *_: object, **_more: object) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("93.184.215.14", "10.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    assert await webhook("http://rebound.example/", allow_private=False).send(MESSAGE) == "private_address"


async def test_a_mail_says_what_it_is_and_what_to_do():
    async with mail_server() as server:
        mail = AlertMail(f"smtp://127.0.0.1:{server.port}", "ops@example.com, boss@example.com", "us@example.com")
        assert await mail.send(MESSAGE) == "sent"
    (letter,) = server.letters
    assert "Subject: [connector] dead_letters: acme" in letter
    assert "12 deliveries were given up" in letter
    assert "What to do:" in letter
    assert [line for line in server.said if line.upper().startswith("RCPT")] == [
        "rcpt TO:<ops@example.com>",
        "rcpt TO:<boss@example.com>",
    ]


async def test_a_password_is_never_said_without_encryption():
    async with mail_server() as server:
        mail = AlertMail(f"smtp://user:hunter2@127.0.0.1:{server.port}", "ops@example.com")
        assert await mail.send(MESSAGE) == "no_encryption"
        assert server.letters == []
        assert not any("AUTH" in line for line in server.said)


async def test_a_mail_that_nobody_takes_says_why():
    async with mail_server() as server:
        server.refuses = True
        mail = AlertMail(f"smtp://127.0.0.1:{server.port}", "ops@example.com")
        assert await mail.send(MESSAGE) == "recipients_refused"
        closed = server.port
    assert await AlertMail(f"smtp://127.0.0.1:{closed}", "ops@example.com").send(MESSAGE) == "no_connection"


def test_nobody_writes_headers_into_a_mail():
    letter = AlertMail("smtp://x", "ops@example.com").letter(
        message(Alert(7, "no_traffic", "stripe x\r\nBcc: evil@example.com", "", NOW), None)
    )
    assert letter["Bcc"] is None
    assert "\n" not in letter["Subject"]


def test_no_secret_shows():
    assert "hunter2" not in repr(AlertMail("smtp://user:hunter2@host", "ops@example.com"))
    assert SECRET not in repr(webhook("http://127.0.0.1/"))
