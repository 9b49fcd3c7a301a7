"""The environment as one model: one field = one variable = one line of help.

Nothing reads it at import time; `load` is called once, by the command that starts, and the values travel from there
as plain arguments. Whether a database or a folder is really there is for those to say who open it.
"""

from __future__ import annotations

from base64 import b64decode
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from connector.errors import SettingsError

PREFIX = "CONNECTOR_"


class LogFormat(StrEnum):
    """How log lines look; `auto` is console at a terminal and JSON anywhere else."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """From which level on lines are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class ZeroDecimalMoney(StrEnum):
    """What becomes of money in currencies without decimals (JPY, KRW …)."""

    HUNDREDTHS = "hundredths"
    FALLBACK = "fallback"


class Settings(BaseSettings):
    """What a process of the connector is told from outside."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: str = Field(
        default="sqlite:///connector.db",
        repr=False,  # may hold a password
        description="Where everything is kept: `sqlite:///path/to/file.db`, "
        "or `postgresql://user:password@host/database` for several processes.",
    )
    base_url: str | None = Field(
        default=None,
        description="Address at which Stripe and Segment reach this service, such as `https://connector.example.com`; "
        "unset: the address it listens on.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on; `0.0.0.0` for every interface.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on, 1 … 65535; 0 takes a free one.")
    mappings_dir: Path | None = Field(
        default=None,
        description="Folder of your own mapping files, laid over the shipped catalogue by entry id. On SQLite `serve` "
        "watches and deploys it; with several processes `connector mappings deploy` does.",
    )
    encryption_keys: SecretStr | None = Field(
        default=None,
        description="Keys that encrypt stored secrets, comma separated: the first encrypts, all decrypt. "
        "`connector keys new` makes one. Unset: beside a SQLite database one is made and kept in a `.keys` file.",
    )
    intercom_api_url: str | None = Field(
        default=None, description="Used instead of Intercom's regional addresses: for the sandbox and tests."
    )
    intercom_version: str = Field(
        default="2.16", pattern=r"^[0-9]{1,2}\.[0-9]{1,2}$", description="Version of Intercom's API to ask for."
    )
    stripe_api_url: str | None = Field(
        default=None, description="Used instead of Stripe's address: for the sandbox and tests."
    )
    reconcile_seconds: int = Field(
        default=600,
        ge=0,
        le=86_400,
        description="Seconds between two looks at Stripe's list of events for what did not arrive, for each endpoint "
        "that has a restricted key; 0: never.",
    )
    intercom_client_id: str | None = Field(
        default=None,
        description="Client id of your app in Intercom's Developer Hub; with the secret it turns on `/install`, "
        "set-up, the card, uninstall and the health check.",
    )
    intercom_client_secret: SecretStr | None = Field(
        default=None, description="Client secret of that app: signs what Intercom calls, and buys access tokens."
    )
    operator: str | None = Field(
        default=None,
        max_length=120,
        description="Who runs this service, as its privacy page and terms name them: your company's name.",
    )
    support_email: str | None = Field(
        default=None,
        pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
        description="Address at which people who use this service get help; shown on its pages.",
    )
    metadata_keys: int = Field(
        default=10,
        ge=10,
        le=20,
        description="Metadata keys sent with an event, 10 … 20: Intercom's API reference says that it keeps ten, "
        "its help centre twenty.",
    )
    zero_decimal_money: ZeroDecimalMoney = Field(
        default=ZeroDecimalMoney.HUNDREDTHS,
        description="Money in currencies without decimals: `hundredths` sends ¥500 as 50000, `fallback` sends "
        "`price_amount` and `price_currency` instead.",
    )
    max_age: int = Field(
        default=72,
        ge=0,
        le=87_600,
        description="Hours after which an event that was not sent yet is held as `too_old` until an operator releases "
        "it: a late event can set off automatic messages. 0 sends events of any age.",
    )
    keep_bodies_days: int = Field(
        default=30, ge=1, le=3_650, description="Days for which the bytes of received events are kept."
    )
    keep_attempts_days: int = Field(
        default=90, ge=1, le=3_650, description="Days for which the tries of a finished delivery are kept."
    )
    keep_deliveries_days: int = Field(
        default=90,
        ge=1,
        le=3_650,
        description="Days for which finished deliveries are kept, at least as long as bodies. What is held, parked or "
        "waiting for longer is given up as `expired`.",
    )
    alert_webhook_url: str | None = Field(
        default=None,
        description="Address that each alert is posted to once, signed as Standard Webhooks say. Not below the "
        "addresses of private networks, unless `CONNECTOR_ALERT_WEBHOOK_ALLOW_PRIVATE`.",
    )
    alert_webhook_secret: SecretStr | None = Field(
        default=None,
        description="Signs those: `whsec_` and 24 to 64 bytes in base64; `connector alerts new-secret` makes one.",
        validate_default=True,
    )
    alert_webhook_allow_private: bool = Field(
        default=False, description="Whether alerts may be posted to addresses of private networks and of this machine."
    )
    alert_email_to: str | None = Field(
        default=None,
        pattern=r"^[^@\s,]+@[^@\s,]+(,\s*[^@\s,]+@[^@\s,]+)*$",
        description="Addresses, comma separated, that each alert is mailed to once.",
    )
    alert_email_from: str | None = Field(
        default=None,
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="Whom those mails come from; unset: the first they go to.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="The mail server: `smtp://user:password@host:587` (STARTTLS where it is offered; a password never "
        "goes without), or `smtps://…:465`.",
        validate_default=True,
    )
    verify_sample: int = Field(
        default=0,
        ge=0,
        le=200,
        description="Delivered events of each workspace that are looked up in Intercom every day; 0: none. The token "
        "needs the permission to read events, which the listed app does not ask for.",
    )
    console_password: SecretStr | None = Field(
        default=None,
        description="Password of the console's user `admin`, 12 characters or more. Unset: one is made on the first "
        "start and shown once; `connector console users` manages more users.",
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="Identity provider at which people may sign in to the console by OpenID Connect, such as "
        "`https://id.example.com`; needs `CONNECTOR_BASE_URL` and the extra `connector[oidc]`.",
    )
    oidc_client_id: str | None = Field(
        default=None,
        max_length=255,
        description="Client id of this service at the identity provider, where `/console/oidc/callback` is its "
        "redirect address.",
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="Client secret there; unset for a public client: PKCE is used either way."
    )
    oidc_roles: str | None = Field(
        default=None,
        description="Who gets which role of the console: `ada@example.com=admin, @example.com=viewer`, or values of "
        "another claim, such as groups. Nobody else gets in.",
    )
    oidc_role_claim: str = Field(
        default="email",
        min_length=1,
        max_length=255,
        description="The claim of the ID token that those are values of; an `email` must be verified by the provider.",
    )
    oidc_scopes: str = Field(
        default="openid email",
        pattern=r"^([!#-\[\]-~]+ )*openid( [!#-\[\]-~]+)*$",
        description="What the identity provider is asked for; some want `groups` here.",
    )
    actor: str | None = Field(
        default=None,
        max_length=255,
        description="Who acts, for the audit log; unset: the name of the system's user.",
    )
    traces: bool = Field(
        default=False,
        description="Whether to send OpenTelemetry traces, to where `OTEL_EXPORTER_OTLP_ENDPOINT` says; needs the "
        "extra `connector[otel]`.",
    )
    log_format: LogFormat = Field(
        default=LogFormat.AUTO,
        description="`json`, `console`, or `auto`: console at a terminal, JSON anywhere else. Always to stderr.",
    )
    log_level: LogLevel = Field(
        default=LogLevel.INFO,
        description="`debug`, `info`, `warning` or `error`: the least level that is written.",
    )

    @field_validator("base_url", "intercom_api_url", "stripe_api_url", "alert_webhook_url", "oidc_issuer")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        """An http(s) address, without the slash at its end."""
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("is not an address that starts with https:// or http://")
        return value.rstrip("/")

    @field_validator("alert_webhook_secret")
    @classmethod
    def _signs(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """What an alert's receiver can rely on."""
        if value is None:
            if info.data.get("alert_webhook_url"):
                raise ValueError("is missing: CONNECTOR_ALERT_WEBHOOK_URL is set")
            return None
        try:
            key = b64decode(value.get_secret_value().removeprefix("whsec_"), validate=True)
        except ValueError:
            raise ValueError("is not base64") from None
        if not 24 <= len(key) <= 64:
            raise ValueError("is not 24 to 64 bytes long")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_mail_server(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """A server, where mails are to go out."""
        if value is None:
            if info.data.get("alert_email_to"):
                raise ValueError("is missing: CONNECTOR_ALERT_EMAIL_TO is set")
            return None
        parts = urlsplit(value.get_secret_value())
        try:
            well = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            well = False
        if not well:
            raise ValueError("is not an address that starts with smtp:// or smtps://")
        return value

    @field_validator("keep_deliveries_days")
    @classmethod
    def _outlives_bodies(cls, value: int, info: ValidationInfo) -> int:
        """An event that can still be mapped again must find what was made of it, or it would be sent twice."""
        if value < int(info.data.get("keep_bodies_days", 0)):
            raise ValueError("is less than CONNECTOR_KEEP_BODIES_DAYS")
        return value

    @property
    def max_age_ms(self) -> int | None:
        """The age from which an event is too old to be sent unasked; None is never."""
        return self.max_age * 3_600_000 or None

    @property
    def public_url(self) -> str:
        """The address to give to Stripe and Segment."""
        if self.base_url:
            return self.base_url
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - read, not bound
        return f"http://{host}:{self.port}"


def variable(field: str) -> str:
    """The environment variable of a field of Settings."""
    return PREFIX + field.upper()


def load(**flags: Any) -> Settings:  # noqa: ANN401 - whatever the model takes
    """The settings of this process; `flags` (those that are not None) beat the environment. Raises SettingsError."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(problem) for problem in error.errors())) from None


def _sentence(problem: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    """One problem as: variable, what is wrong, what it wants. Never the value: it may be a secret."""
    field = str(problem["loc"][0])
    wrong = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    return f"{variable(field)} {wrong}. Wanted: {Settings.model_fields[field].description}"
