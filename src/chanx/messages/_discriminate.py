"""Reading the actions of message classes and the classes of a container from their annotations."""

from enum import Enum
from types import UnionType
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

from pydantic import BaseModel

__all__ = ["get_action_literals", "get_union_members", "has_unresolved_name"]


def _unwrap(annotation: Any) -> Any:
    """Strip ``Annotated`` and ``type`` aliases (PEP 695)."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif type(annotation).__name__ == "TypeAliasType":  # typing's, or that of the back-port
            try:
                annotation = annotation.__value__
            except NameError as error:
                return ForwardRef(error.name or "unknown")
        else:
            return annotation


def get_action_literals(model: type[BaseModel]) -> tuple[str | int, ...] | None:
    """Return the values of the model's ``action`` Literal, or None when it is something else.

    An enum member counts as its value, which is what stands in JSON.
    """
    annotation = _unwrap(model.model_fields["action"].annotation)
    if get_origin(annotation) is not Literal:
        return None
    values: list[str | int] = []
    for value in get_args(annotation):
        # Pydantic reads no member of an enum from JSON unless it is a string or a number itself.
        if not isinstance(value, str | int):
            return None
        values.append(value.value if isinstance(value, Enum) else value)
    return tuple(values)


def get_union_members(annotation: Any) -> list[Any]:
    """Return the members of a union, nested ones flattened; of anything else, the thing itself."""
    annotation = _unwrap(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return [
            member for argument in get_args(annotation) for member in get_union_members(argument)
        ]
    return [annotation]


def has_unresolved_name(annotation: Any) -> bool:
    """Tell whether a part of the annotation is still a name that Pydantic could not look up."""
    return any(isinstance(member, ForwardRef | str) for member in get_union_members(annotation))
