"""JMESPath's interpreter for what `closures` leave to it, with our functions and a bound on its work.

Projections multiply: four times `[@, @, @, @][]` over a list of a megabyte would run for half a minute. So steps are
counted, and an expression that takes too many of them counts as missing, like any other that cannot be evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jmespath
from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter

from connector.mapping.context import Context, Json
from connector.mapping.functions import FUNCTIONS

MOST_STEPS = 200_000
"""Steps of all interpreted expressions of one translation: a fifth of a second or so. An order of a thousand products
takes a hundredth of them."""

_LONGEST_JOIN = 1_000_000
_LETTERS_A_STEP = 100
_STEPS_A_CALL = 5


class TooMuchWork(ValueError):
    """An expression took more steps over this payload than any event is worth."""


class Interpreter(TreeInterpreter):
    """Counts what it does."""

    def __init__(self, context: Context) -> None:
        super().__init__(jmespath.Options(custom_functions=_Library(context, self)))
        self._left = MOST_STEPS

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Json:  # noqa: ANN401 - as jmespath's
        """One step."""
        self._left -= 1
        if self._left < 0:
            raise TooMuchWork
        return super().visit(node, *args, **kwargs)

    def visit_flatten(self, node: Any, value: Json) -> Json:  # noqa: ANN401
        """As many steps as there are items."""
        return self.spent(super().visit_flatten(node, value))

    def visit_value_projection(self, node: Any, value: Json) -> Json:  # noqa: ANN401
        """As many steps as there are items."""
        return self.spent(super().visit_value_projection(node, value))

    def spend(self, steps: int) -> None:
        """That many steps were taken."""
        self._left -= steps

    def spent(self, value: Json) -> Json:
        """`value`, whose size is counted."""
        if isinstance(value, list):
            self._left -= len(value)
        elif isinstance(value, str):
            self._left -= len(value) // _LETTERS_A_STEP
        return value


class _Library(Functions):
    """JMESPath's functions and ours; what goes in and comes out of them is counted."""

    def __init__(self, context: Context, interpreter: Interpreter) -> None:
        self._context = context
        self._interpreter = interpreter

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Json:
        self._interpreter.spend(_STEPS_A_CALL)
        arguments = [self._interpreter.spent(argument) for argument in resolved_args]
        if function_name in FUNCTIONS:
            return FUNCTIONS[function_name].call(self._context, *arguments)
        if function_name == "join":
            _refuse_long_join(*arguments)
        return self._interpreter.spent(super().call_function(function_name, arguments))


def _refuse_long_join(glue: object, items: object) -> None:
    """A long text between many items grows without bound; a megabyte is more than any event can use."""
    if isinstance(glue, str) and isinstance(items, list) and len(glue) * len(items) > _LONGEST_JOIN:
        raise ValueError("join() would make a text of more than a megabyte")
