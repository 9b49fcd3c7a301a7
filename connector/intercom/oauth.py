"""Intercom's OAuth: where a person allows the app, and the code they bring back turned into an access token.

https://developers.intercom.com/docs/build-an-integration/learn-more/authentication/setting-up-oauth
Tokens do not expire and are not refreshed; a code is good once, for minutes. The scopes are those of the app: there is
no parameter for them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession

APP: Final = "https://app.intercom.com"
API: Final = "https://api.intercom.io"
"""It passes on what belongs to another region: https://developers.intercom.com/docs/references/rest-api"""
BODY_LIMIT: Final = 65_536
LONGEST_TOKEN: Final = 4_096


@dataclass(frozen=True, slots=True)
class App:
    """The app as Intercom knows it; `override` leads to a sandbox instead."""

    client_id: str
    client_secret: str = field(repr=False)
    override: str | None = None

    def authorize_url(self, state: str) -> str:
        """Where a person is sent to allow the app. Without redirect_uri Intercom takes the registered one."""
        return f"{self.override or APP}/oauth?{urlencode({'client_id': self.client_id, 'state': state})}"

    def installed_url(self) -> str:
        """Where the app store wants people back when all went well."""
        return f"{self.override or APP}/appstore/redirect?install_success=true"

    def failed_url(self, message: str) -> str:
        """Where the app store wants them back when it did not; `message` is shown to them."""
        query = urlencode({"install_success": "false", "error_message": message})
        return f"{self.override or APP}/appstore/redirect?{query}"


@dataclass(frozen=True, slots=True)
class Token:
    """What a code was exchanged for."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodeRefused:
    """The code is not good (any more): the person has to begin again."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Intercom did not answer usably; the code may still be good."""


Exchanged: TypeAlias = Token | CodeRefused | NoAnswer


async def exchange(session: ClientSession, app: App, code: str) -> Exchanged:
    """Turn `code` (as it came: it may end in `=`) into an access token. Never raises for what the network does."""
    body = {"code": code, "client_id": app.client_id, "client_secret": app.client_secret}
    headers = {"Accept": "application/json", "Content-Type": "application/json", "Accept-Encoding": "identity"}
    url = f"{app.override or API}/auth/eagle/token"
    try:
        async with session.post(url, data=json.dumps(body), headers=headers, allow_redirects=False) as answer:
            return _read(answer.status, await answer.content.read(BODY_LIMIT))
    except (ClientError, OSError, TimeoutError):
        return NoAnswer()


def _read(status: int, body: bytes) -> Exchanged:
    if 400 <= status < 500 and status not in (408, 425, 429):
        return CodeRefused()
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return NoAnswer()
    token = (said.get("access_token") or said.get("token")) if status == 200 and isinstance(said, dict) else None
    good = isinstance(token, str) and 0 < len(token) <= LONGEST_TOKEN and token.isascii() and token.isprintable()
    return Token(str(token)) if good else NoAnswer()
