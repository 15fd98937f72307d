"""Describing messages: schema, texts and examples."""

import inspect
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from chanx.description.message_examples import Direction, Example, make_examples
from chanx.description.plain import clean_text
from chanx.description.schemas import Message, Schemas, make_schemas
from chanx.engine.aliases import KeyNames
from chanx.messages._discriminate import get_action_literals

__all__ = [
    "Direction",
    "Example",
    "MessageDescription",
    "MessageKey",
    "Source",
    "describe_messages",
    "get_message_actions",
    "split_text",
]

Source = Literal["consumer", "group", "chanx"]
"""Who sends or handles a message: the consumer, its groups, or chanx by itself."""
MessageKey = tuple[Message, Direction]


@dataclass(frozen=True, slots=True)
class MessageDescription:
    """A message class, going one way.

    ``path``: the class, dotted. ``schema``: the name of its definition; None where Pydantic can
    make none, and ``problems`` says why. ``source`` is set for each endpoint; the rest is the same
    for all of them.
    """

    name: str
    path: str
    direction: Direction
    source: Source
    actions: tuple[str | int, ...]
    summary: str
    description: str
    schema: str | None
    examples: tuple[Example, ...] = ()
    is_deprecated: bool = False
    problems: tuple[str, ...] = ()


def describe_messages(
    keys: Iterable[MessageKey], key_names: KeyNames
) -> tuple[dict[str, dict[str, Any]], dict[MessageKey, MessageDescription]]:
    """Return the definitions that schemas are made of, by name, and a description for each key.

    The descriptions have "consumer" as their source.
    """
    wanted = list(dict.fromkeys(keys))
    schemas = make_schemas(((model, _get_mode(way)) for model, way in wanted), key_names)
    described = {key: _describe_message(key, schemas, key_names) for key in wanted}
    return schemas.definitions, described


def split_text(text: str | None) -> tuple[str, str]:
    """Return the first paragraph of a docstring as one line, and what comes after it."""
    first, _, rest = inspect.cleandoc(clean_text(str(text or ""))).strip().partition("\n\n")
    return " ".join(first.split()), rest.strip()


def _get_mode(way: Direction) -> Literal["validation", "serialization"]:
    return "validation" if way == "in" else "serialization"


def _describe_message(key: MessageKey, schemas: Schemas, key_names: KeyNames) -> MessageDescription:
    model, way = key
    mode = _get_mode(way)
    summary, description = split_text(vars(model).get("__doc__"))
    examples, problems = make_examples(model, way, key_names.action_key, key_names.camelize)
    if problem := schemas.problems.get((model, mode)):
        problems = (f"{model.__name__} has no JSON Schema ({problem})", *problems)
    return MessageDescription(
        name=model.__name__,
        path=f"{model.__module__}.{model.__qualname__}",
        direction=way,
        source="consumer",
        actions=get_message_actions(model),
        summary=summary,
        description=description,
        schema=schemas.names.get((model, mode)),
        examples=deepcopy(examples),  # they may be changed where they go
        is_deprecated=_is_deprecated(model),
        problems=problems,
    )


def get_message_actions(model: Message) -> tuple[str | int, ...]:
    """Return the values of a message's action, in the order of the annotation."""
    return get_action_literals(model) or ()


def _is_deprecated(model: type[BaseModel]) -> bool:
    extra = model.model_config.get("json_schema_extra")
    by_config = isinstance(extra, Mapping) and extra.get("deprecated") is True
    # typing_extensions.deprecated(), which is warnings.deprecated() from Python 3.13 on.
    return by_config or "__deprecated__" in vars(model)
