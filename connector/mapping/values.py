"""How a mapping writes a value: an expression, several to be tried in turn, a template, a constant, or a typed form.

Pydantic models; what each type means to Intercom is `metadata`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictInt,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from connector.mapping.context import Json, Unit
from connector.mapping.expression import BadExpression, Expression, compile_expression
from connector.mapping.problem import Mistake, did_you_mean, listing
from connector.mapping.template import TemplateText, compile_template

Compiled = TypeVar("Compiled", Expression, TemplateText)


NOTHING = Mistake("nothing stands here", "write a value, or take the key out")


class Form(BaseModel):
    """Some keys of a mapping file: no others, of exactly these types."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def refuse(mistake: Mistake) -> PydanticCustomError:
    """`mistake` as the error that pydantic collects with its place; worded in `reading`."""
    context = {"what": mistake.what, "remedy": mistake.remedy, "offset": mistake.offset}
    return PydanticCustomError("mistake", "{what}", context)


def _compiled(compile_text: Callable[[str], Compiled]) -> Callable[[Any], Compiled]:
    def read(value: Json) -> Compiled:
        if not isinstance(value, str):
            raise refuse(_no_expression(value))
        try:
            return compile_text(value)
        except BadExpression as error:
            raise refuse(error.mistake) from None

    return read


def _no_expression(value: Json) -> Mistake:
    match value:
        case None:
            return NOTHING
        case list():
            return Mistake("a list where one expression belongs", "join them with `&&` (all) or `||` (any)")
        case int() | float() if not isinstance(value, bool):
            return Mistake(f"{shown(value)} is no expression", f"write {{constant: {value}}} for the number itself")
        case _:
            return Mistake(f"{shown(value)} is no expression", "write one, such as data.object.id")


def shown(value: object) -> str:
    """A value as a message names it."""
    match value:
        case None:
            return "nothing"
        case "":
            return "empty text"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return f"`{str(value)[:40]}`"


ExpressionText: TypeAlias = Annotated[
    Expression,
    PlainValidator(_compiled(compile_expression)),
    PlainSerializer(lambda expression: expression.text, return_type=str),
    WithJsonSchema({"type": "string", "title": "Expression", "description": "A JMESPath expression."}),
]
_TemplateField: TypeAlias = Annotated[
    TemplateText,
    PlainValidator(_compiled(compile_template)),
    PlainSerializer(lambda template: template.text, return_type=str),
    WithJsonSchema({"type": "string", "description": "Text with expressions in braces."}),
]
_Constant: TypeAlias = Annotated[
    str | int | float,
    BeforeValidator(lambda value: _sayable(value)),
]


def _sayable(value: Json) -> Json:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise refuse(Mistake(f"{shown(value)} cannot be sent", 'write a text or a number; "true" in quotes is text'))
    return value


class Template(Form):
    """Text with expressions in braces; missing as soon as one of them is."""

    template: _TemplateField


class Constant(Form):
    """The same text or number every time."""

    constant: _Constant


Item: TypeAlias = Expression | Template | Constant


def _item_form(value: Json) -> str:
    if isinstance(value, dict):
        return "<constant>" if "constant" in value else "<template>"
    return "<expression>"


def _check_item(value: Json) -> Json:
    if isinstance(value, dict) and not {"template", "constant"} & value.keys():
        remedy = "write an expression, {template: …} or {constant: …}"
        raise refuse(Mistake(f"{_named(value)} is no value here", remedy))
    if isinstance(value, list):
        raise refuse(Mistake("a list within a list", "write one list, the first that is present is taken"))
    return value


def _named(value: Mapping[str, Any]) -> str:
    return f"{{{next(iter(value))}: …}}" if value else "{}"


_ItemField: TypeAlias = Annotated[
    Annotated[ExpressionText, Tag("<expression>")]
    | Annotated[Template, Tag("<template>")]
    | Annotated[Constant, Tag("<constant>")],
    Discriminator(_item_form),
    BeforeValidator(_check_item),
]


def _one_or_many(value: Json) -> Json:
    if value == []:
        raise refuse(Mistake("an empty list", "write at least one expression"))
    return tuple(value) if isinstance(value, list) else value


def _count_form(value: Json) -> str:
    return "<list>" if isinstance(value, tuple) else "<one>"


Source: TypeAlias = Annotated[
    Annotated[_ItemField, Tag("<one>")] | Annotated[tuple[_ItemField, ...], Tag("<list>")],
    Discriminator(_count_form),
    BeforeValidator(_one_or_many),
]
"""One value to look for, or several of which the first that is present counts."""


def items(source: Item | tuple[Item, ...]) -> tuple[Item, ...]:
    """All that `source` tries, in order."""
    return source if isinstance(source, tuple) else (source,)


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

    text: Source
    translate: dict[str, str] | None = Field(default=None, description="words for what the payload says", min_length=1)
    otherwise: Otherwise = Field(default="keep", description="what becomes of a value not listed")


class Number(Form):
    """A number; numeric text counts."""

    number: Source


class Date(Form):
    """A moment, as Unix seconds; its key ends in `_date`."""

    date: Source


class Link(Form):
    """An http(s) address; with `title`, shown as that."""

    link: Source
    title: Source | None = Field(default=None, description="what is shown for the address")


class Image(Form):
    """The http(s) address of a picture."""

    image: Source


class Money(Form):
    """An amount with its currency."""

    money: Source
    currency: Source = Field(description="the ISO 4217 code, such as data.object.currency or {constant: usd}")
    unit: Unit | None = Field(
        default=None, description="`minor` (cents) or `major` (19.99) instead of the source's own"
    )


class Join(Form):
    """The items of a list in one text, those that do not fit counted."""

    join: Source
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
        raise refuse(Mistake(f"{_named(value)} is no type of metadata", remedy))
    return value


ValueField: TypeAlias = Annotated[
    Annotated[Source, Tag("<source>")]
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
