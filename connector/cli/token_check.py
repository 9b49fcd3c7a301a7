"""Asks Intercom whose an access token is, before it is stored; no answer is no failure."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import ClientTimeout

from connector.intercom.client import IntercomClient, base_url, make_session
from connector.intercom.me import Me
from connector.intercom.outcome import Answer
from connector.settings import Settings
from connector.workspaces.modes import Region

TIMEOUT = ClientTimeout(total=8, connect=4)


@dataclass(frozen=True, slots=True)
class Checked:
    """What Intercom said: `verified` is None where it did not answer; the rest is None where it did not say."""

    verified: bool | None
    remark: str | None = None
    region: Region | None = None
    name: str | None = None
    time_zone: str | None = None


async def check(settings: Settings, app_id: str, token: str, region: Region | None) -> Checked:
    """Whether `token` opens the workspace `app_id`; one of an unknown region is looked for by Intercom itself."""

    def base_url_for(where: str) -> str:
        return settings.intercom_api_url or base_url(where)

    async with make_session(1, timeout=TIMEOUT) as session:
        client = IntercomClient(session, version=settings.intercom_version, base_url_for=base_url_for)
        found = await client.me(region or Region.US, token)
    return _judged(found, app_id)


def _judged(found: Me | Answer, app_id: str) -> Checked:
    match found:
        case Me() if found.app_id != app_id:
            return Checked(
                False,
                f"warning: Intercom says that this token opens {found.app_id!r}, not {app_id!r}. What is delivered "
                f"with it appears there; if that is not meant: connector workspaces remove {app_id}",
            )
        case Me():
            region = Region(found.region) if found.region in set(Region) else None
            return Checked(True, None, region, found.name, found.time_zone)
        case Answer(status=401 | 403):
            return Checked(
                False, "warning: Intercom refuses this token. Nothing is delivered until there is a good one"
            )
        case _:
            why = f"status {found.status}" if found.status else found.fault
            return Checked(None, f"the token is not checked: no usable answer from Intercom ({why})")
