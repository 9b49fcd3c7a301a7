"""What is to be entered in Intercom's Developer Hub, field by field, for one address.  Pure.

Intercom imports no manifest: an operator copies these. `gaps` says what is missing before the app can be published.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from connector.manifest import Manifest, Scope

_MADE_UP: Final = re.compile(
    r"(^|[.@])(example\.(com|net|org)|localhost|[\w-]+\.(example|test|invalid|local|internal))$|^\d+\.\d+\.\d+\.\d+$"
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the Developer Hub: where it is, what it is called, and what to enter."""

    page: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Operator:
    """What this deployment says of itself."""

    base_url: str | None
    name: str | None
    support_email: str | None


def fields(app: Manifest, base_url: str) -> list[Field]:
    """Everything to enter, in the order of the Developer Hub's pages."""
    intercom = app.intercom
    rows = [
        ("Basic information", "Name", app.name),
        ("Basic information", "Short description", app.short_description),
        ("Authentication", "Use OAuth", "on"),
        ("Authentication", "Redirect URL", base_url + intercom.redirect),
        ("Authentication", "Uninstall URL", base_url + intercom.uninstall),
        ("Authentication", "Installation health check URL", base_url + intercom.health_check),
        *(("Authentication", "Permission", f"{each.name}: {each.why}") for each in _scopes(app)),
        ("Webhooks", "Endpoint URL", base_url + intercom.webhooks),
        *(("Webhooks", "Topic", each.topic) for each in intercom.topics),
        *(("Webhooks", f"Topic, only with {each.scope}", each.topic) for each in intercom.optional_topics),
        ("Canvas Kit", "For Inbox: initialize URL", base_url + intercom.canvas.initialize),
        ("Canvas Kit", "For Inbox: submit URL", base_url + intercom.canvas.submit),
        ("API version", "Version", intercom.api_version),
        ("App store", "Direct installation URL", base_url + intercom.install),
        ("App store", "Support", base_url + app.links.support),
        ("App store", "Privacy policy", base_url + app.links.privacy),
        ("App store", "Terms of service", base_url + app.links.terms),
        ("App store", "Icon", f"art/{app.icon.file}"),
        *(("App store", "Image", f"art/{each.file}: {each.shows}") for each in app.images),
        ("App store", "Categories", ", ".join(app.categories)),
        ("App store", "Long description", app.long_description),
        *(("App store", f"Start guide {place}", each) for place, each in enumerate(app.start_guide, start=1)),
    ]
    return [Field(*row) for row in rows]


def _scopes(app: Manifest) -> tuple[Scope, ...]:
    return (*app.intercom.scopes, *app.intercom.canvas_scopes)


def gaps(operator: Operator) -> list[str]:
    """What stands in the way of publishing: what is not set, and what was only meant as an example."""
    found = []
    if operator.base_url is None:
        found.append("CONNECTOR_BASE_URL is not set")
    else:
        parts = urlsplit(operator.base_url)
        if parts.scheme != "https":
            found.append("CONNECTOR_BASE_URL is not https")
        if _MADE_UP.search(parts.hostname or ""):
            found.append(f"CONNECTOR_BASE_URL is {parts.hostname}, which Intercom cannot reach")
    if not operator.name or re.search(r"\b(acme|example|your company|todo)\b", operator.name, re.IGNORECASE):
        found.append("CONNECTOR_OPERATOR does not name who runs this service")
    if not operator.support_email:
        found.append("CONNECTOR_SUPPORT_EMAIL is not set")
    elif _MADE_UP.search(operator.support_email.rpartition("@")[2]):
        found.append("CONNECTOR_SUPPORT_EMAIL is an example")
    return found
