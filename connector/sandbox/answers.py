"""How Intercom says no: a status and an `error.list`, as one value that rules return and the server writes out.

Shape and wording are Intercom's where they are known (docs/sandbox.md marks what is a guess).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from uuid import UUID, uuid4

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer other than success; `field` names the offending part of the request, if one did."""

    status: int
    code: str
    message: str
    field: str | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


def not_found(what: str = "User") -> Refused:
    """Intercom's 404 for a contact it does not know."""
    return Refused(404, "not_found", f"{what} Not Found")


def missing(name: str) -> Refused:
    """A required parameter is absent; Intercom says no more than this, the field is our courtesy."""
    return Refused(400, "parameter_not_found", "missing data parameter", name)


def invalid(name: str, why: str) -> Refused:
    """A parameter is there and wrong."""
    return Refused(400, "parameter_invalid", why, name)


def conflict(message: str) -> Refused:
    """The request contradicts what the workspace holds."""
    return Refused(409, "conflict", message)


REQUEST_ID = "X-Request-Id"
_FIRST_ID = uuid4().int >> 32 << 32
_SERIAL = count(1)
ACCESS_TOKEN_INVALID = Refused(401, "unauthorized", "Access Token Invalid")
NO_SUCH_VERSION = Refused(400, "intercom_version_invalid", "The requested version could not be found")
NO_ACCEPT_HEADER = Refused(406, "not_acceptable", "The Accept header should send a media type of application/json")
NO_SUCH_RESOURCE = Refused(404, "not_found", "Resource Not Found")


def new_request_id() -> str:
    """An id for one call: in its header, and in the body of an error. Unique, and cheaper than a random one."""
    return str(UUID(int=_FIRST_ID + next(_SERIAL)))


def error_response(refused: Refused) -> web.Response:
    """`refused` on the wire: an `error.list` with one error."""
    error = {"code": refused.code, "message": refused.message}
    if refused.field is not None:
        error["field"] = refused.field
    request_id = new_request_id()
    body = {"type": "error.list", "request_id": request_id, "errors": [error]}
    return json_response(body, status=refused.status, headers={REQUEST_ID: request_id, **refused.headers})


def json_response(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """`body` as JSON, in ASCII: senders may have put lone surrogates into it."""
    return web.Response(text=json.dumps(body), status=status, headers=headers, content_type="application/json")
