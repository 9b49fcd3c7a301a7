"""The typed forms of metadata as pydantic models: {money: …, currency: …}, {link: …, title: …} and the others.

What each type means to Intercom is `metadata`'s business.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, StrictInt, Tag

from connector.mapping.context import Json, Unit
from connector.mapping.expression import Expression
from connector.mapping.problem import Mistake, did_you_mean, listing
from connector.mapping.values import Constant, Form, Item, Lookup, Template, named, refuse, shown


def _check_otherwise(value: Json) -> Json:
    if isinstance(value, str) and value not in ("keep", "drop"):
        raise refuse(
            Mistake(f"{shown(value)} is neither `keep` nor `drop`", f"for the text write {{constant: {value}}}")
        )
    return value


Otherwise: TypeAlias = Annotated[
    Annotated[Literal["keep", "drop"], Tag("<word>")] | Annotated[Constant, Tag("<constant>")],
    Discriminator(lambda value: "<constant>" if isinstance(value, dict) else "<word>"),
    BeforeValidator(_check_otherwise),
]


class Text(Form):
    """Text, at most 255 characters; booleans and codes become words with `translate`."""

    text: Lookup
    translate: dict[str, str] | None = Field(default=None, description="words for what the payload says", min_length=1)
    otherwise: Otherwise = Field(default="keep", description="what becomes of a value not listed")


class Number(Form):
    """A number; numeric text counts."""

    number: Lookup


class Date(Form):
    """A moment, as Unix seconds; its key ends in `_date`."""

    date: Lookup


class Link(Form):
    """An http(s) address; with `title`, shown as that."""

    link: Lookup
    title: Lookup | None = Field(default=None, description="what is shown for the address")


class Image(Form):
    """The http(s) address of a picture."""

    image: Lookup


class Money(Form):
    """An amount with its currency."""

    money: Lookup
    currency: Lookup = Field(description="the ISO 4217 code, such as data.object.currency or {constant: usd}")
    unit: Unit | None = Field(
        default=None, description="`minor` (cents) or `major` (19.99) instead of the source's own"
    )


class Join(Form):
    """The items of a list in one text, those that do not fit counted."""

    join: Lookup
    glue: str = Field(default=", ", alias="with", description="what stands between two items")
    max: StrictInt | None = Field(default=None, description="how many items are named", ge=1)


FORMS: dict[str, type[Form]] = {
    "text": Text,
    "number": Number,
    "date": Date,
    "link": Link,
    "image": Image,
    "money": Money,
    "join": Join,
    "template": Template,
    "constant": Constant,
}
"""The typed forms by the key that tells them."""

Value: TypeAlias = (
    Expression | tuple[Item, ...] | Text | Number | Date | Link | Image | Money | Join | Template | Constant
)


def _value_form(value: Json) -> str:
    kind = next((key for key in value if key in FORMS), None) if isinstance(value, dict) else None
    return "<source>" if kind in (None, "template", "constant") else f"<{kind}>"


def _check_value(value: Json) -> Json:
    if isinstance(value, dict) and not FORMS.keys() & value.keys():
        meant = next((name for key in value if (name := did_you_mean(key, FORMS))), None)
        remedy = f"did you mean `{meant}`?" if meant else f"write one of {listing(FORMS)}"
        raise refuse(Mistake(f"{named(value)} is no type of metadata", remedy))
    return value


ValueField: TypeAlias = Annotated[
    Annotated[Lookup, Tag("<source>")]
    | Annotated[Text, Tag("<text>")]
    | Annotated[Number, Tag("<number>")]
    | Annotated[Date, Tag("<date>")]
    | Annotated[Link, Tag("<link>")]
    | Annotated[Image, Tag("<image>")]
    | Annotated[Money, Tag("<money>")]
    | Annotated[Join, Tag("<join>")],
    Discriminator(_value_form),
    BeforeValidator(_check_value),
]
