"""How a mapping writes a value: an expression, a template, a constant, or several of them to be tried in turn.

Pydantic models; the forms that say a type are `forms`', how a value is found is `lookup`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    PlainValidator,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from connector.mapping.context import Json
from connector.mapping.expression import BadExpression, Expression, compile_expression
from connector.mapping.problem import Mistake
from connector.mapping.template import TemplateText, compile_template

Compiled = TypeVar("Compiled", Expression, TemplateText)


NOTHING = Mistake("nothing stands here", "write a value, or take the key out")


class Form(BaseModel):
    """Some keys of a mapping file: no others, of exactly these types."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def refuse(mistake: Mistake) -> PydanticCustomError:
    """`mistake` as the error that pydantic collects with its place; worded in `refusals`."""
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
    WithJsonSchema({"type": "string", "format": "jmespath", "description": "A JMESPath expression."}),
]
_TemplateField: TypeAlias = Annotated[
    TemplateText,
    PlainValidator(_compiled(compile_template)),
    WithJsonSchema({"type": "string", "description": "Text with expressions in braces."}),
]


def _sayable(value: Json) -> Json:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise refuse(Mistake(f"{shown(value)} cannot be sent", 'write a text or a number; "true" in quotes is text'))
    return value


_Sayable: TypeAlias = Annotated[str | int | float, BeforeValidator(_sayable)]


class Template(Form):
    """Text with expressions in braces; missing as soon as one of them is."""

    template: _TemplateField


class Constant(Form):
    """The same text or number every time."""

    constant: _Sayable


Item: TypeAlias = Expression | Template | Constant


def _item_form(value: Json) -> str:
    if isinstance(value, dict):
        return "<constant>" if "constant" in value else "<template>"
    return "<expression>"


def _check_item(value: Json) -> Json:
    if isinstance(value, dict) and not {"template", "constant"} & value.keys():
        remedy = "write an expression, {template: …} or {constant: …}"
        raise refuse(Mistake(f"{named(value)} is no value here", remedy))
    if isinstance(value, list):
        raise refuse(Mistake("a list within a list", "write one list, the first that is present is taken"))
    return value


def named(value: Mapping[str, Any]) -> str:
    """A form as a message names it, by its first key."""
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


Lookup: TypeAlias = Annotated[
    Annotated[_ItemField, Tag("<one>")] | Annotated[tuple[_ItemField, ...], Tag("<list>")],
    Discriminator(_count_form),
    BeforeValidator(_one_or_many),
]
"""One value to look for, or several of which the first that is present counts."""


def items(lookup: Lookup) -> tuple[Item, ...]:
    """All that `lookup` tries, in order."""
    return lookup if isinstance(lookup, tuple) else (lookup,)
