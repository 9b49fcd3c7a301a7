"""An alert by e-mail: plain text by SMTP, with encryption wherever the server offers it."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from connector.alarms.message import Message

PATIENCE_S = 15.0
SENT = "sent"


class PlainTextPasswordError(smtplib.SMTPException):
    """The server offers no encryption, and there is a password."""


@dataclass
class AlertMail:
    """Mails messages; `url` is `smtp://user:password@host:port` or `smtps://…`, `recipients` comma separated."""

    url: str = field(repr=False)
    recipients: str
    sender: str | None = None
    name: str = "email"

    async def send(self, message: Message) -> str:
        """`sent`, or one stable word for why it was not. The library blocks, so it has a thread."""
        try:
            await asyncio.to_thread(self._send, self.letter(message))
        except smtplib.SMTPAuthenticationError:
            return "login_refused"
        except PlainTextPasswordError:
            return "no_encryption"
        except smtplib.SMTPRecipientsRefused:
            return "recipients_refused"
        except smtplib.SMTPException:
            return "refused"
        except OSError:
            return "no_connection"
        return SENT

    def letter(self, message: Message) -> EmailMessage:
        """The mail."""
        to = [each.strip() for each in self.recipients.split(",")]
        sender = self.sender or to[0]
        letter = EmailMessage()
        letter["Subject"], letter["From"], letter["To"] = message.title, sender, ", ".join(to)
        letter["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.text())
        return letter

    def _send(self, letter: EmailMessage) -> None:
        parts = urlsplit(self.url)
        host, secure = parts.hostname or "", ssl.create_default_context()
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=PATIENCE_S, context=secure)
        else:
            server = smtplib.SMTP(host, parts.port or 587, timeout=PATIENCE_S)
        with server:
            encrypted = parts.scheme == "smtps"
            if not encrypted:
                server.ehlo()
                if encrypted := server.has_extn("starttls"):
                    server.starttls(context=secure)
            if parts.username:
                if not encrypted:
                    raise PlainTextPasswordError("the server offers no encryption")
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(letter)
