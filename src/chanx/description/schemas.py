"""JSON Schemas of messages, with the names that stand on the wire, and walking through them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import (
    CoreSchema,
    PydanticSerializationError,
    core_schema,
    to_json,
    to_jsonable_python,
)

from chanx.engine.aliases import KeyNames
from chanx.messages.base import BaseMessage

__all__ = [
    "DEFINITIONS",
    "Message",
    "Schemas",
    "change_schema",
    "describe_error",
    "get_definition_name",
    "make_query_schema",
    "make_schema",
    "make_schemas",
]

DEFINITIONS: Final = "#/$defs/"
"""Where references of a schema lead to, as JSON Schema has it."""

Message = type[BaseMessage]
Schema = dict[str, Any]
_Key = tuple[Message, JsonSchemaMode]

_PASSWORD: Final = re.compile(r"(?<=://)([^/?#\s:@]*):[^/?#\s]*(?=@)")
_MAPPINGS: Final = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)
_SCHEMAS: Final = frozenset(
    {
        "additionalItems",
        "additionalProperties",
        "allOf",
        "anyOf",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "oneOf",
        "prefixItems",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
"""Keywords whose values are schemas, or lists of them. All others hold data."""


@dataclass(frozen=True, slots=True)
class Schemas:
    """The schemas of some messages, each of which stands among the definitions.

    ``names``: where, for a class and a mode: "validation" for what comes in, "serialization" for
    what goes out. ``problems``: why there is none, for those of which no schema can be made.
    """

    definitions: dict[str, Schema] = field(default_factory=dict)
    names: dict[_Key, str] = field(default_factory=dict)
    problems: dict[_Key, str] = field(default_factory=dict)


def make_schemas(messages: Iterable[_Key], key_names: KeyNames) -> Schemas:
    """Return the schemas of messages; what they share is defined once.

    Never raises for a class that Pydantic cannot describe: that is one of the problems.
    """
    found = Schemas()
    cores: dict[_Key, CoreSchema] = {}
    for key in dict.fromkeys(messages):
        try:
            cores[key] = key_names.get_core_schema(TypeAdapter(key[0]))
        except Exception as error:  # a hook of the user's may raise anything
            found.problems[key] = describe_error(error)
    try:
        references, definitions = _generate(cores, key_names)
    except Exception:  # as above; one of them fails for all
        for key, core in list(cores.items()):
            try:
                _generate({key: core}, key_names)
            except Exception as error:
                found.problems[key] = describe_error(error)
                del cores[key]
        references, definitions = _generate(cores, key_names)
    for name, schema in sorted(definitions.items()):
        found.definitions[name] = _make_plain(schema)
    for key in cores:
        schema = references[key, key[1]]
        name = get_definition_name(schema)
        if name is None:  # it has no name of its own
            name = _find_free_name(key[0].__name__, found.definitions)
            found.definitions[name] = _make_plain(schema)
        found.names[key] = name
    return found


def _generate(cores: Mapping[_Key, CoreSchema], key_names: KeyNames) -> Any:
    """Return references to schemas, and the definitions they lead to."""
    inputs: list[tuple[_Key, JsonSchemaMode, CoreSchema]] = [
        (key, key[1], core) for key, core in cores.items()
    ]
    return _Generator(key_names).generate_definitions(inputs)


def make_schema(model: Message, key_names: KeyNames) -> Schema:
    """Return the schema of what comes in as this message, with definitions of its own.

    Raises what Pydantic raises.
    """
    core = key_names.get_core_schema(TypeAdapter(model))
    return _make_plain(_Generator(key_names).generate(core, "validation"))


def make_query_schema(model: type[BaseModel]) -> Schema:
    """Return the schema of query parameters, with all that it refers to written out.

    Raises what Pydantic raises, and ValueError for a model that is no object or holds itself.
    """
    found = _Generator(None).generate(TypeAdapter(model).core_schema, "validation")
    definitions: Schema = found.pop("$defs", {})
    made = _make_plain(_write_out(found, definitions, ()))
    if made.get("type") != "object" or "properties" not in made:
        raise ValueError("it has no fields, which would be the parameters")
    return made


def _write_out(schema: Schema, definitions: Schema, within: tuple[str, ...]) -> Schema:
    def change(part: Schema) -> Schema:
        reference = part.get("$ref")
        if not isinstance(reference, str):
            return part
        name = reference.removeprefix(DEFINITIONS)
        if name in within:
            raise ValueError(f"{name} holds itself")
        beside = {key: value for key, value in part.items() if key != "$ref"}
        return _write_out(definitions[name], definitions, (*within, name)) | beside

    written: Schema = change_schema(schema, change)
    return written


def get_definition_name(schema: Mapping[str, Any]) -> str | None:
    """Return the name of the definition that a schema refers to, and says nothing beside."""
    reference = schema.get("$ref") if len(schema) == 1 else None
    return reference.removeprefix(DEFINITIONS) if isinstance(reference, str) else None


def change_schema(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """Return a copy in which each schema is what ``change`` made of it, from the inside out.

    Data that stands in a schema (examples, defaults, constants) is left alone.
    """
    if not isinstance(schema, dict):
        return schema  # True, False, or no schema at all
    copied: Schema = {}
    for key, value in schema.items():
        if key in _MAPPINGS and isinstance(value, dict):
            copied[key] = {name: change_schema(each, change) for name, each in value.items()}
        elif key in _SCHEMAS and isinstance(value, list):
            copied[key] = [change_schema(each, change) for each in value]
        elif key in _SCHEMAS:
            copied[key] = change_schema(value, change)
        else:
            copied[key] = value
    return change(copied)


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, which describes what stands on the wire more closely."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}

    def __init__(self, key_names: KeyNames | None) -> None:
        super().__init__(by_alias=True, ref_template=DEFINITIONS + "{model}")
        self._key_names = key_names

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Require the action: it may have a default in Python, but not on the wire."""
        found = super().model_schema(schema)
        properties, required = found.get("properties", {}), found.get("required", [])
        action_key = self._key_names.action_key if self._key_names else None
        if issubclass(schema["cls"], BaseMessage) and action_key in properties:
            wanted = {*required, action_key}
            found["required"] = [name for name in properties if name in wanted]
        return found

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Tell whether a key always stands there: what goes out is written with its defaults."""
        if self.mode == "serialization" and field["type"] != "typed-dict-field":
            return not (field.get("serialization_exclude") or "serialization_exclude_if" in field)
        return super().field_is_required(field, total)

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles that only repeat the name of the field in other letters."""
        return False

    def encode_default(self, dft: Any) -> Any:
        """Return a default as JSON, with the names of the wire.

        Sets have no order: they stand in that of their texts. Passwords of URLs are not told.
        """
        if not _is_finite(dft):  # it would become null
            raise PydanticSerializationError("JSON has no such number")
        return _hide_passwords(super().encode_default(self._prepare(dft)))

    def _prepare(self, value: Any) -> Any:
        if isinstance(value, set | frozenset):
            return sorted(map(self._prepare, value), key=lambda each: to_json(each, fallback=str))
        if isinstance(value, dict):
            return {key: self._prepare(each) for key, each in value.items()}
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            return [self._prepare(each) for each in value]
        if isinstance(value, BaseModel) and self._key_names:
            held = {name: self._prepare(each) for name, each in value if _holds_set(each)}
            serializer = self._key_names.get_serializer(type(value))
            copied = value.model_copy(update=held) if held else value
            return serializer.to_python(copied, mode="json", by_alias=True, warnings=False)
        return value

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        """Say that a part cannot be described, instead of describing nothing at all."""
        # Behind the first word stand objects, whose addresses differ from run to run.
        kind = error_info.split(" ", 1)[0].removeprefix("core_schema.").removesuffix("Schema")
        return {"description": f"Pydantic cannot describe this in JSON Schema ({kind})."}


def _holds_set(value: Any) -> bool:
    if isinstance(value, set | frozenset):
        return True
    if isinstance(value, BaseModel):
        return any(_holds_set(each) for _, each in value)
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list | tuple) and any(map(_holds_set, value))


def _hide_passwords(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hide_passwords(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_hide_passwords(each) for each in value]
    return _PASSWORD.sub(r"\1:**********", value) if isinstance(value, str) else value


def _make_plain(schema: Any) -> Schema:
    """Return a schema as JSON can hold it."""
    plain = to_jsonable_python(schema, fallback=_name_type)
    made: Schema = change_schema(plain, _drop_infinite)
    return made


def _name_type(value: Any) -> str:
    """Stand in for an object that has no form in JSON, and whose text may hold an address."""
    return type(value).__name__


def _drop_infinite(schema: Schema) -> Schema:
    """Leave out bounds, defaults and examples with numbers that JSON does not know."""
    return {key: value for key, value in schema.items() if _is_finite(value)}


def _is_finite(value: Any) -> bool:
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or isfinite(value)


def _find_free_name(name: str, taken: Mapping[str, Any]) -> str:
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}{number}"
    return free


def describe_error(error: Exception) -> str:
    """Return what went wrong, in one line."""
    text = str(error).split("\n", 1)[0]
    return f"{type(error).__name__}: {text}"
