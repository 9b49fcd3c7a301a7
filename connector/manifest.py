"""Reads and checks app.json, the one description of this app for app stores.

It holds paths, never hosts or secrets, and nothing that is not true of this version. Intercom reads no such file: what
is entered in its Developer Hub is made of it (`appstore.developer_hub`). That its paths have routes and its topics
handlers is for a test to say: this module knows none. `app.schema.json` is its JSON Schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connector.errors import ManifestError

_NOT_MEANT = re.compile(r"://|\b(TODO|TBD|FIXME|XXX|lorem ipsum|changeme|placeholder)\b|<\w+>", re.IGNORECASE)

Sentence = Annotated[str, Field(min_length=1)]
RoutePath = Annotated[str, Field(pattern=r"^/[\w/{}.-]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Scope(_Part):
    """A permission asked of a workspace, as Intercom's Developer Hub names it; `shown` is where its use is seen."""

    name: Sentence
    why: Sentence
    shown: Sentence


class OptionalScope(Scope):
    """One that the listed app does without: an operator who wants `needed_for` adds it."""

    needed_for: Sentence


class Topic(_Part):
    """A webhook of Intercom's that is subscribed to: the scope it needs and the function that takes it."""

    topic: Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)+$")]
    scope: Sentence
    handler: Annotated[str, Field(pattern=r"^[a-z_]+$")]


class Canvas(_Part):
    """Where the card in a conversation's details is asked for."""

    initialize: RoutePath
    submit: RoutePath


class IntercomPart(_Part):
    """What Intercom is told. `scopes` are ticked by hand, `canvas_scopes` by Intercom as soon as there is a card.

    `optional_topics` are of use with the `optional_scopes` that they need.
    """

    api_version: Annotated[str, Field(pattern=r"^\d+\.\d+$")]
    regions: tuple[Literal["us", "eu", "au"], ...]
    scopes: tuple[Scope, ...]
    canvas_scopes: tuple[Scope, ...]
    optional_scopes: tuple[OptionalScope, ...]
    install: RoutePath
    redirect: RoutePath
    uninstall: RoutePath
    health_check: RoutePath
    webhooks: RoutePath
    canvas: Canvas
    topics: tuple[Topic, ...]
    optional_topics: tuple[Topic, ...]


class StripePermission(_Part):
    """A permission asked of a restricted key."""

    resource: Sentence
    access: Literal["read", "write"]
    why: Sentence


class StripePart(_Part):
    """What is asked of a Stripe account beyond its webhooks."""

    permissions: tuple[StripePermission, ...]


class HealthPaths(_Part):
    """Where the service says how it is."""

    alive: RoutePath
    ready: RoutePath


class Links(_Part):
    """Pages of this service that a listing links to."""

    support: RoutePath
    privacy: RoutePath
    terms: RoutePath
    security: RoutePath
    data_deletion: RoutePath


class Image(_Part):
    """A picture of the listing, made by `art/draw.py`; `file` is below `art/`."""

    file: Annotated[str, Field(pattern=r"^[a-z0-9_-]+\.png$")]
    shows: Sentence


class Review(_Part):
    """What Intercom's reviewers are given: `script` for their own hands, `video` for the recording."""

    account: Sentence
    script: tuple[Sentence, ...]
    video: tuple[Sentence, ...]


class Data(_Part):
    """One kind of data that is stored."""

    what: Sentence
    why: Sentence
    kept: Sentence
    where: Sentence
    protected: Sentence


class Manifest(_Part):
    """app.json."""

    schema_: Annotated[Literal["./app.schema.json"], Field(alias="$schema")]
    name: Annotated[str, Field(min_length=1, max_length=40)]
    built_by: Sentence
    short_description: Annotated[str, Field(min_length=1, max_length=70)]
    long_description: Sentence
    start_guide: tuple[Sentence, ...]
    icon: Image
    images: tuple[Image, ...]
    categories: tuple[Sentence, ...]
    links: Links
    webhooks: dict[str, RoutePath]
    health: HealthPaths
    intercom: IntercomPart
    stripe: StripePart
    data: tuple[Data, ...]
    review: Review

    @field_validator("name")
    @classmethod
    def _is_ours(cls, name: str) -> str:
        """Intercom lists no app that bears its name."""
        if "intercom" in name.casefold():
            raise ValueError("an app's name must not contain Intercom's")
        return name


def schema() -> dict[str, Any]:
    """The JSON Schema of app.json, as app.schema.json holds it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Manifest.model_json_schema(by_alias=True)}


def path() -> Path:
    """app.json: inside the package where it is installed, beside it in a checkout."""
    installed = Path(__file__).with_name("app.json")
    return installed if installed.exists() else Path(__file__).parents[1] / "app.json"


def load(file: Path | None = None) -> Manifest:
    """The manifest. Raises ManifestError with the place and what is wrong there."""
    file = file or path()
    try:
        content = json.loads(file.read_bytes())
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])) or "all of it"
        raise ManifestError(f"{file.name}: {place}: {problem['msg']}") from None
    except (OSError, ValueError) as error:
        raise ManifestError(f"{file.name} cannot be read: {error}") from None
    for place, text in _texts(content, ""):
        if found := _NOT_MEANT.search(text):
            raise ManifestError(f"{file.name}: {place}: {found[0]!r} is a host or a placeholder")
    return manifest


def _texts(value: object, place: str) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with its place."""
    match value:
        case str():
            yield place.removeprefix("."), value
        case dict():
            for key, part in value.items():
                yield from _texts(part, f"{place}.{key}")
        case list():
            for number, part in enumerate(value):
                yield from _texts(part, f"{place}.{number}")
