"""Whose access token it is: Intercom's answer to GET /me as a frozen value. Asking is `client`'s."""

from __future__ import annotations

from dataclasses import dataclass

from connector.intercom.outcome import Answer


@dataclass(frozen=True, slots=True)
class Me:
    """The workspace that a token opens: `region` is us, eu or au, `time_zone` an IANA name. `answer` is to pace by."""

    app_id: str
    name: str | None
    region: str | None
    time_zone: str | None
    answer: Answer


def whose(answer: Answer) -> Me | Answer:
    """The workspace that `answer` names; the answer itself where it names none."""
    app = answer.json.get("app")
    if answer.status != 200 or not isinstance(app, dict) or (app_id := _text(app.get("id_code"))) is None:
        return answer
    region = _text(app.get("region"))
    return Me(app_id, _text(app.get("name")), region and region.lower(), _text(app.get("timezone")), answer)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 255 else None
