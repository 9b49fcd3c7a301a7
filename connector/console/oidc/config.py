"""What the settings say about the identity provider, and who gets which role.  Pure."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from connector.console.roles import Role
from connector.errors import SettingsError
from connector.settings import Settings

CALLBACK = "/console/oidc/callback"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Config:
    """The provider as it is configured; `roles` are by the values of `role_claim`, e-mail addresses in lower case."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    scopes: str
    role_claim: str
    roles: Mapping[str, Role]
    redirect_uri: str

    @property
    def shown(self) -> str:
        """The provider as the sign-in page names it."""
        return urlsplit(self.issuer).hostname or self.issuer


def configured(settings: Settings) -> Config | None:
    """The provider, None where none is wanted. Raises SettingsError."""
    if settings.oidc_issuer is None:
        return None
    if importlib.util.find_spec("jwt") is None:
        raise SettingsError("CONNECTOR_OIDC_ISSUER needs PyJWT: pip install 'connector[oidc]'")
    for variable, value in (
        ("CONNECTOR_OIDC_CLIENT_ID", settings.oidc_client_id),
        ("CONNECTOR_OIDC_ROLES", settings.oidc_roles),
        ("CONNECTOR_BASE_URL", settings.base_url),
    ):
        if not value:
            raise SettingsError(f"{variable} is missing: CONNECTOR_OIDC_ISSUER is set")
    if not is_safe(settings.oidc_issuer):
        raise SettingsError("CONNECTOR_OIDC_ISSUER is not an address that starts with https://")
    secret = settings.oidc_client_secret
    return Config(
        settings.oidc_issuer,
        settings.oidc_client_id or "",
        secret.get_secret_value() if secret else None,
        settings.oidc_scopes,
        settings.oidc_role_claim,
        roles(settings.oidc_roles or "", of_addresses=settings.oidc_role_claim == "email"),
        (settings.base_url or "") + CALLBACK,
    )


def is_safe(address: str) -> bool:
    """Whether nobody on the way can change what comes from there: HTTPS, or this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def roles(text: str, *, of_addresses: bool) -> Mapping[str, Role]:
    """`ada@example.com=admin, @example.com=viewer` as a table. Raises SettingsError."""
    found: dict[str, Role] = {}
    for each in filter(None, (part.strip() for part in text.split(","))):
        value, equals, role = (part.strip() for part in each.rpartition("="))
        if not equals or not value or role not in set(Role):
            wanted = "value=role, comma separated; a role is viewer, operator or admin"
            raise SettingsError(f"CONNECTOR_OIDC_ROLES cannot be read at {each!r}. Wanted: {wanted}")
        found[value.casefold() if of_addresses else value] = Role(role)
    if not found:
        raise SettingsError("CONNECTOR_OIDC_ROLES lets nobody in")
    return found
