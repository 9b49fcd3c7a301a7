"""One document of a mapping file as pydantic models: the keys there are, their types, and what they are for."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StrictBool,
    StrictInt,
    Tag,
    WithJsonSchema,
)

from connector.events import IdentifierKind
from connector.mapping.context import Json
from connector.mapping.dialect import DIALECTS
from connector.mapping.forms import ValueField
from connector.mapping.problem import Mistake, did_you_mean, listing
from connector.mapping.values import ExpressionText, Form, Lookup, refuse, shown

_KINDS = [kind.value for kind in IdentifierKind]
_RESERVED = ("each", "only")


def _kind(value: Json) -> IdentifierKind:
    if value in _KINDS:
        return IdentifierKind(value)
    meant = did_you_mean(str(value), _KINDS)
    remedy = f"did you mean `{meant}`?" if meant else f"there are {listing(_KINDS)}"
    raise refuse(Mistake(f"{shown(value)} is no way to name a contact", remedy))


def _source_name(value: Json) -> str:
    if isinstance(value, str) and value in DIALECTS:
        return value
    raise refuse(Mistake(f"{shown(value)} is no source", f"write one of {listing(DIALECTS)}"))


Kind: TypeAlias = Annotated[IdentifierKind, PlainValidator(_kind), WithJsonSchema({"type": "string", "enum": _KINDS})]
SourceName: TypeAlias = Annotated[
    str, PlainValidator(_source_name), WithJsonSchema({"type": "string", "enum": list(DIALECTS)})
]
Contact: TypeAlias = Annotated[dict[Kind, Lookup], Field(min_length=1)]


Vars: TypeAlias = Annotated[dict[str, Lookup], Field(max_length=50)]


class Keep(Form):
    """A name that a workspace uses already, whatever its form."""

    keep: str = Field(description="the name, exactly as it is in Intercom", min_length=1)


class Derive(Form):
    """A name made of what the payload says: Order Completed → completed-order."""

    derive: ExpressionText = Field(description="where the sender's name of the event is")
    turn: StrictBool = Field(default=True, description="false: the sender's name as it is, not turned round")


def _name_form(value: Json) -> str:
    if isinstance(value, dict):
        return "<derive>" if "derive" in value else "<keep>"
    return "<name>"


Name: TypeAlias = Annotated[
    Annotated[str, Tag("<name>")] | Annotated[Keep, Tag("<keep>")] | Annotated[Derive, Tag("<derive>")],
    Discriminator(_name_form),
]


class Metadata(Form):
    """The event's metadata, most important first; `each` takes an object's fields over as they are."""

    model_config = ConfigDict(**{**Form.model_config, "extra": "allow"})
    __pydantic_extra__: dict[str, ValueField] = Field(init=False)
    each: Lookup | None = Field(default=None, description="an object whose texts and numbers are taken over")
    only: tuple[str, ...] | None = Field(default=None, description="the fields of `each` that are taken, in this order")


class Gives(Form):
    """What an example has to become; what is not listed is not compared."""

    name: str | None = Field(default=None, description="the event's name")
    created_at: StrictInt | None = Field(default=None, description="when it happened, in Unix seconds")
    once: str | None = Field(default=None, description="the value of `once`")
    contact: dict[Kind, str] | None = Field(default=None, description="who it happened to, by kind of identifier")
    metadata: dict[str, Any] | None = Field(default=None, description="values to be equal; null: absent")


Outcome: TypeAlias = Annotated[
    Annotated[Literal["nothing"], Tag("<nothing>")] | Annotated[Gives, Tag("<gives>")],
    Discriminator(lambda value: "<gives>" if isinstance(value, dict) else "<nothing>"),
]


class Example(Form):
    """A payload, and what this entry makes of it."""

    file: str | None = Field(default=None, description="the payload's file, from this folder or the catalogue's")
    payload: dict[str, Any] | None = Field(default=None, description="the payload itself, instead of a file")
    gives: Outcome | None = Field(default=None, description="what it becomes, or `nothing`")
    received_at: StrictInt | None = Field(default=None, description="Unix seconds; the event's own otherwise")
    names: dict[str, str] = Field(default={}, description="names of Stripe products, prices and coupons, by id")


def _triggers(value: Json) -> Json:
    return tuple(value) if isinstance(value, list) else (value,)


Triggers: TypeAlias = Annotated[
    tuple[str, ...], BeforeValidator(_triggers, json_schema_input_type=str | list[str]), Field(min_length=1)
]


class Event(Form):
    """One rule: which source events become which Intercom event."""

    trigger: Triggers = Field(description="the source's event type, or several: invoice.paid, track Order Completed")
    name: Name = Field(description="Intercom's name of it, past-tense verb first: paid-invoice")
    id: str | None = Field(default=None, description="what it is known by; source and name otherwise", min_length=1)
    description: str | None = Field(default=None, description="what happened, for a person")
    enabled: StrictBool | None = Field(default=None, description="false: kept here and not used")
    contact: Contact | None = Field(default=None, description="who it happened to, instead of the file's `contact`")
    vars: Vars = Field(default={}, description="values with a name, used as vars.name")
    when: ExpressionText | None = Field(default=None, description="the event counts only where this is true")
    created_at: Lookup | None = Field(default=None, description="when it happened")
    once: Lookup | None = Field(default=None, description="one Intercom event for each value of this")
    metadata: Metadata = Field(default_factory=Metadata, description="what else is to be known")
    examples: tuple[Example, ...] = Field(default=(), description="payloads, and what becomes of them")


class Switch(Form):
    """Turns an entry of the catalogue below on or off."""

    id: str = Field(description="the id of an entry of the shipped catalogue")
    enabled: StrictBool = Field(description="whether it is used")


class Defaults(Form):
    """What the entries of this document share, where they have none of their own."""

    enabled: StrictBool = Field(default=True, description="false: an entry counts only with its own `enabled: true`")
    vars: Vars = Field(default={}, description="values with a name, used as vars.name")
    when: ExpressionText | None = Field(default=None, description="an event counts only where this is true")
    created_at: Lookup | None = Field(default=None, description="when it happened")


class Head(Form):
    """What a document says before its events."""

    version: Literal[1] = Field(description="the version of this format: 1")
    source: SourceName = Field(description="who sends the events")
    contact: Contact | None = Field(default=None, description="who an event happened to; tried in this order")
    defaults: Defaults = Field(default_factory=Defaults, description="what the entries share")


def _event_form(value: Json) -> str:
    return "<switch>" if isinstance(value, dict) and value.keys() <= {"id", "enabled"} else "<event>"


EventField: TypeAlias = Annotated[
    Annotated[Event, Tag("<event>")] | Annotated[Switch, Tag("<switch>")], Discriminator(_event_form)
]


class Document(Head):
    """One document of a mapping file."""

    events: tuple[EventField, ...] = Field(description="the rules", min_length=1)
