"""The base classes of messages and of the containers that say which messages an endpoint knows."""

import abc
from collections.abc import Iterable
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, PydanticSchemaGenerationError

from chanx.messages._discriminate import (
    get_action_literals,
    get_union_members,
    has_unresolved_name,
)

__all__ = [
    "BaseGroupMessage",
    "BaseIncomingMessage",
    "BaseMessage",
    "BaseOutgoingGroupMessage",
    "BaseOutgoingMessage",
    "get_actions",
]


class BaseMessage(BaseModel, abc.ABC):
    """One message: an ``action``, which must be a ``Literal`` in each subclass, and a ``payload``.

    A subclass that names ``abc.ABC`` among its bases is a base for others and needs no action.
    """

    # Without defaults: type checkers would ask every subclass for one, too.
    action: Any
    payload: Any

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        # A parametrised generic is as abstract as the class that it was made from.
        if abc.ABC in (cls.__pydantic_generic_metadata__["origin"] or cls).__bases__:
            return
        if cls.model_fields["action"].annotation is Any:
            raise TypeError(
                f"Class {cls.__name__!r} must define an 'action' field, "
                f'for example: action: Literal["{cls.__name__.lower()}"]'
            )
        if get_action_literals(cls) is None:
            raise TypeError(
                f"Class {cls.__name__!r} requires the field 'action' to be a `Literal` type "
                f"of strings or integers, not {cls.model_fields['action'].annotation!r}"
            )


class BaseGroupMessage(BaseMessage, abc.ABC):
    """A message to a group. Each receiver gets the two flags as they are for it.

    ``is_mine``: the receiver is logged in as the user who sent it. ``is_current``: the receiver is
    the very connection that sent it.
    """

    is_mine: bool = False
    is_current: bool = False


class _Container(BaseModel):
    """A model with one field that names the message classes; it is read, never instantiated."""

    # Or Pydantic would complain first, in its own words, of a class that is no model.
    model_config = ConfigDict(arbitrary_types_allowed=True)

    message_field: ClassVar[str]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if _Container in cls.__bases__:
            return
        field = cls.model_fields.get(cls.message_field)
        if field is None:
            raise TypeError(
                f"Class {cls.__name__!r} must define a {cls.message_field!r} field "
                f"that holds a message class or a union of message classes"
            )
        if not has_unresolved_name(field.annotation):
            get_actions(cls)


class BaseIncomingMessage(_Container):
    """Container of what clients may send: its field ``message`` is a message class or a union."""

    message_field: ClassVar[str] = "message"


class BaseOutgoingMessage(_Container):
    """Container of what a consumer sends to its client: its field ``message`` is as above."""

    message_field: ClassVar[str] = "message"


class BaseOutgoingGroupMessage(_Container):
    """Container of what may go to groups: its field ``group_message`` is a class or a union."""

    message_field: ClassVar[str] = "group_message"


def get_actions(container: type[_Container]) -> dict[str | int, type[BaseMessage]]:
    """Return the message class for each action of a container, in the order of the annotation.

    Raises TypeError when the field holds something that is not a message class, and when two
    classes claim the same action. Names that were not yet defined when the container was are
    looked up now.
    """
    field = container.model_fields[container.message_field]
    if has_unresolved_name(field.annotation):
        try:
            container.model_rebuild()
        except PydanticSchemaGenerationError as error:
            raise TypeError(f"Class {container.__name__!r}: {error.message}") from error
        field = container.model_fields[container.message_field]
    actions: dict[str | int, type[BaseMessage]] = {}
    for model in _check_members(container, get_union_members(field.annotation)):
        for action in get_action_literals(model) or ():
            other = actions.setdefault(action, model)
            if other is not model:
                raise TypeError(
                    f"Class {container.__name__!r}: {other.__name__} and {model.__name__} "
                    f"both have the action {action!r}; give one of them another"
                )
    return actions


def _check_members(
    container: type[_Container], members: Iterable[Any]
) -> Iterable[type[BaseMessage]]:
    for member in members:
        is_message = isinstance(member, type) and issubclass(member, BaseMessage)
        if not is_message or get_action_literals(member) is None:
            raise TypeError(
                f"Class {container.__name__!r}: the field {container.message_field!r} must be a "
                f"message class or a union of message classes, but holds {member!r}"
            )
        yield cast("type[BaseMessage]", member)
