"""Options that need no conversion are taken as they are.

typer 0.29 makes a pydantic validator for every option of a command, given or not; with pydantic's own import
that is a tenth of a second. Most options are text, and most are not given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, get_args, get_origin

import typer

PYDANTIC = "Value error, "
"""How pydantic begins a message that is not its own."""


def take_as_given(parameters: Iterable[Any]) -> None:
    """Let each parameter of a command be converted only where its value is not yet what it should be."""
    for parameter in parameters:
        parameter.process_value = _as_given(parameter)


def _as_given(parameter: Any) -> Callable[[Any, Any], Any]:
    """typer's `process_value` of a parameter, which is asked only where a value has to be converted."""
    convert: Callable[[Any, Any], Any] = parameter.process_value
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    repeated = parameter.multiple or parameter.nargs != 1

    def usual(ctx: Any, value: Any) -> Any:
        try:
            return convert(ctx, value)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix(PYDANTIC)
            raise

    def process_value(ctx: Any, value: Any) -> Any:
        if parameter.required:
            return usual(ctx, value)
        if value is None or (repeated and not value):
            value = () if repeated else None
        elif not _is_already(value, kind, repeated=repeated):
            return usual(ctx, value)
        return value if parameter.callback is None else parameter.callback(ctx, parameter, value)

    return process_value


def _is_already(value: Any, kind: Any, *, repeated: bool) -> bool:
    """Whether a value has the type that a parameter's annotation names; only of text and of choices."""
    if repeated:
        return get_origin(kind) is list and get_args(kind) == (str,) and all(type(v) is str for v in value)
    return isinstance(kind, type) and type(value) is kind
