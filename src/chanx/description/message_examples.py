"""Examples of messages as they stand on the wire: given by the author or made, and validated."""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError
from pydantic_core import to_json

from chanx.description.examples import NoExample, make_example
from chanx.description.plain import get_fields, is_record, mask_secrets
from chanx.description.schemas import DEFINITIONS, Message, make_schema
from chanx.engine.aliases import KeyNames
from chanx.engine.codec import Encoder
from chanx.messages._discriminate import get_action_literals
from chanx.messages.base import BaseMessage
from chanx.messages.incoming import AuthenticateMessage, AuthenticatePayload
from chanx.messages.outgoing import (
    AuthenticationMessage,
    AuthenticationPayload,
    DroppedMessage,
    DroppedPayload,
    ErrorMessage,
)

__all__ = ["Direction", "Example", "make_examples"]

Direction = Literal["in", "out"]
"""As the server sees it."""

_STANDARD: Final[dict[Message, list[tuple[str, BaseMessage]]]] = {
    AuthenticationMessage: [
        (
            "accepted",
            AuthenticationMessage(
                payload=AuthenticationPayload(
                    status_code=200, status_text="OK", data={"detail": "OK"}
                )
            ),
        ),
        (
            "refused",
            AuthenticationMessage(
                payload=AuthenticationPayload(
                    status_code=401,
                    status_text="Unauthorized",
                    data={"detail": "Authentication credentials were not provided."},
                )
            ),
        ),
    ],
    ErrorMessage: [
        (
            "invalid message",
            ErrorMessage(
                payload=[
                    {"type": "missing", "loc": ["message", "payload"], "msg": "Field required"}
                ]
            ),
        ),
        ("failure", ErrorMessage(payload={"detail": "Failed to process message"})),
    ],
    DroppedMessage: [("dropped", DroppedMessage(payload=DroppedPayload(count=3)))],
    AuthenticateMessage: [
        ("token", AuthenticateMessage(payload=AuthenticatePayload(token="a-token")))
    ],
}
"""Examples of our own messages, which tell more than those that could be made."""


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """A message as it stands on the wire, parsed."""

    name: str
    content: Any


@lru_cache(maxsize=4096)
def make_examples(
    model: Message, direction: Direction, action_key: str, camelize: bool
) -> tuple[tuple[Example, ...], tuple[str, ...]]:
    """Return the examples of a message, and what is wrong with them.

    Kept, because it compiles what validates the message, which takes most of the time.
    """
    problems: list[str] = []
    try:
        maker = _Examples(model, direction, KeyNames(action_key, camelize=camelize))
        return tuple(maker.make(problems)), tuple(problems)
    except Exception as error:  # of the user's validators and serializers
        return (), (*problems, f"{model.__name__} has no example ({type(error).__name__})")


class _Examples:
    """Makes the examples of one message."""

    def __init__(self, model: Message, way: Direction, key_names: KeyNames) -> None:
        self._model = model
        self._way = way
        self._key_names = key_names
        self._encoder = Encoder(key_names)
        self._schema: dict[str, Any] = {}
        adapter: TypeAdapter[Any] = TypeAdapter(model)
        self._validate: Callable[..., Any] = (
            adapter.validate_json
            if key_names.is_plain
            else key_names.compile_validator(adapter).validate_json
        )

    def make(self, problems: list[str]) -> Iterable[Example]:
        """Return those that the model's author has given, or else one that is made."""
        if own := _STANDARD.get(self._model):
            return [Example(name, self._encoder.to_content(message)) for name, message in own]
        try:
            schema = make_schema(self._model, self._key_names)
        except Exception:  # has been reported as having no schema
            return []
        self._schema = schema
        given = _find_given(schema)
        found = []
        for number, value in enumerate(given, 1):
            if errors := self._check(value):
                place = ".".join(map(str, errors[0])) or "the message"
                problems.append(
                    f"{self._model.__name__} has an example (number {number}) that does not "
                    f"validate, see {place}: correct it"
                )
            else:
                found.append(self._finish(value))
        if not found:
            bare = _without_examples(schema)
            try:
                found = [self._finish(make_example(bare, self._check))]
            except NoExample as error:
                problems.append(
                    f"{self._model.__name__} has no example, because {error}: give one with "
                    'model_config = {"json_schema_extra": {"examples": [{...}]}}'
                )
        name = str((get_action_literals(self._model) or ("",))[0])
        return [
            Example(name if len(found) == 1 else f"{name} {number}", content)
            for number, content in enumerate(found, 1)
        ]

    def _check(self, value: Any) -> list[tuple[str | int, ...]]:
        try:
            self._validate(to_json(value))
        except ValidationError as error:
            return [each["loc"] for each in error.errors(include_url=False, include_input=False)]
        except Exception:  # a validator of the user's may raise anything, and it has no place
            return [()]
        return []

    def _finish(self, value: Any) -> Any:
        """Return an example as it stands on the wire."""
        if self._way == "in":
            if self._key_names.is_plain:
                return value
            renamed = self._rename(value, [self._schema], is_message=True)
            return value if self._check(renamed) else renamed
        message = self._validate(to_json(value))
        content = _align(self._encoder.to_content(mask_secrets(message)), value)
        if not _is_made(message):
            return content
        schema = make_schema(self._model, self._key_names, "serialization")
        return self._settle(content, message, value, schema, schema.get("$defs", {}))

    def _rename(self, value: Any, schemas: list[Any], *, is_message: bool = False) -> Any:
        """Return data with the names of the wire: examples on fields may have those of Python."""
        found = list(_resolve(schemas, self._schema.get("$defs", {})))
        if isinstance(value, list):
            return [
                self._rename(each, [_get_item(schema, number) for schema in found])
                for number, each in enumerate(value)
            ]
        if not isinstance(value, dict):
            return value
        renamed: dict[str, Any] = {}
        for key, each in value.items():
            wire_name = key
            if not any(key in schema.get("properties", {}) for schema in found):
                other = self._get_wire_name(key, is_message=is_message)
                if any(other in schema.get("properties", {}) for schema in found):
                    wire_name = other
            inner = [_get_property(schema, wire_name) for schema in found]
            renamed[wire_name] = self._rename(each, inner)
        return renamed

    def _settle(
        self, content: Any, held: Any, given: Any, schema: Any, definitions: dict[str, Any]
    ) -> Any:
        """Return a message with values of the schema where the process has made others.

        ``held``: the part of the message that the content is of. ``given``: what it was made of.
        """
        found = list(_resolve([schema], definitions))
        if isinstance(held, RootModel):
            return self._settle(content, held.root, given, schema, definitions)
        if isinstance(content, list) and isinstance(held, list | tuple):
            if len(content) != len(held):  # by a serializer of the user's
                return content
            settled_items = []
            for number, (each, part) in enumerate(zip(content, held, strict=True)):
                item = _choose(_get_item(one, number) for one in found)
                own = given[number] if isinstance(given, list) and number < len(given) else None
                settled_items.append(self._settle(each, part, own, item, definitions))
            return settled_items
        if not isinstance(content, dict):
            return content
        if isinstance(held, dict):
            parts, made = {str(key): each for key, each in held.items()}, set[str]()
        elif is_record(held):
            parts, made = self._get_wire_parts(held, given)
        else:
            return content
        own = given if isinstance(given, dict) else {}
        settled: dict[str, Any] = {}
        for key, each in content.items():
            inner = _choose(_get_property(one, key) for one in found)
            settled[key] = self._settle(each, parts.get(key), own.get(key), inner, definitions)
            if key in made and isinstance(inner, dict):
                # Its own default is the same each time, but for the order of its sets.
                with contextlib.suppress(NoExample):
                    whole = {**inner, "$defs": definitions}
                    settled[key] = make_example(whole, lambda _: [])
        return settled

    def _get_wire_parts(self, model: Any, given: Any) -> tuple[dict[str, Any], set[str]]:
        """Return what a model holds by the names of the wire, and which of it nobody has given."""
        kind = type(model)
        is_model = isinstance(model, BaseModel)
        fields = kind.model_fields if is_model else getattr(kind, "__pydantic_fields__", {})
        # A dataclass does not know what it was given.
        known = model.model_fields_set if is_model else set(given or ())
        parts: dict[str, Any] = {}
        made: set[str] = set()
        is_message = isinstance(model, BaseMessage)
        for name, each in get_fields(model).items():
            field = fields.get(name)
            own = field.serialization_alias if field else name
            wire_name = own or self._get_wire_name(name, is_message=is_message)
            parts[wire_name] = each
            if name not in known and (is_model or wire_name not in known):
                made.add(wire_name)
        decorators = getattr(kind, "__pydantic_decorators__", None)
        for name, computed in (decorators.computed_fields if decorators else {}).items():
            made.add(computed.info.alias or self._get_wire_name(name, is_message=is_message))
        return parts, made

    def _get_wire_name(self, name: str, *, is_message: bool) -> str:
        if name == "action" and not is_message:
            return name
        return self._key_names.get_wire_name(name)


def _is_made(value: Any) -> bool:
    """Tell whether anything in a message was not given, but made by the process."""
    if dataclasses.is_dataclass(value):
        return True  # as far as can be told
    if isinstance(value, BaseModel):
        kind = type(value)
        if kind.model_computed_fields or len(value.model_fields_set) < len(kind.model_fields):
            return True
        value = get_fields(value)
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list | tuple) and any(map(_is_made, value))


def _resolve(schemas: Iterable[Any], definitions: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the schemas that a value may be of: what is referred to, and members of unions."""
    left, seen = list(schemas), set[str]()
    while left:
        schema = left.pop(0)
        if not isinstance(schema, dict):
            continue
        yield schema
        for union in ("allOf", "anyOf", "oneOf"):
            left += schema.get(union, ())
        name = schema.get("$ref")
        if isinstance(name, str) and name not in seen:
            seen.add(name)
            left.append(definitions.get(name.removeprefix(DEFINITIONS)))


def _get_item(schema: Mapping[str, Any], number: int) -> Any:
    first = schema.get("prefixItems", ())
    return first[number] if number < len(first) else schema.get("items")


def _get_property(schema: Mapping[str, Any], name: str) -> Any:
    return schema.get("properties", {}).get(name, schema.get("additionalProperties"))


def _choose(schemas: Iterable[Any]) -> Any:
    """Return a schema for all of these, any of which a value may be of."""
    found = [schema for schema in schemas if isinstance(schema, dict)]
    return found[0] if len(found) == 1 else {"anyOf": found} if found else None


def _find_given(schema: Mapping[str, Any]) -> Sequence[Any]:
    """Return the examples on the model itself."""
    if isinstance(reference := schema.get("$ref"), str):
        schema = schema.get("$defs", {}).get(reference.rpartition("/")[2], {})
    examples = schema.get("examples")
    return examples if isinstance(examples, list) else ()


def _without_examples(schema: Mapping[str, Any]) -> dict[str, Any]:
    bare = {key: value for key, value in schema.items() if key not in ("examples", "default")}
    if isinstance(reference := bare.get("$ref"), str):
        name = reference.rpartition("/")[2]
        definitions = dict(bare.get("$defs", {}))
        definitions[name] = {
            key: value for key, value in definitions.get(name, {}).items() if key != "examples"
        }
        bare["$defs"] = definitions
    return bare


def _align(content: Any, value: Any) -> Any:
    """Return a message with the items of its sets, which come in any order, in the example's."""
    if isinstance(content, dict) and isinstance(value, dict):
        # Keys may have got the names of the wire.
        others = list(value.values()) if len(content) == len(value) else [None] * len(content)
        pairs = zip(content.items(), others, strict=True)
        return {key: _align(each, value.get(key, other)) for (key, each), other in pairs}
    if isinstance(content, list) and isinstance(value, list) and len(content) == len(value):
        if _sort(content) == _sort(value):
            return value
        return [_align(each, other) for each, other in zip(content, value, strict=True)]
    return content


def _sort(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sort(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((_sort(item) for item in value), key=lambda each: json.dumps(each))
    return value
