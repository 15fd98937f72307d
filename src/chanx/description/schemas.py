"""JSON Schemas of messages, with the names that stand on the wire, and walking through them."""

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import (
    DefsRef,
    GenerateJsonSchema,
    JsonRef,
    JsonSchemaMode,
    JsonSchemaValue,
)
from pydantic_core import (
    CoreSchema,
    PydanticSerializationError,
    SchemaSerializer,
    core_schema,
    to_json,
)

from chanx.description.names import find_free_name
from chanx.description.plain import (
    clean_text,
    encode,
    get_fields,
    is_fixed,
    make_plain,
    mask_secrets,
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

_ADDRESS: Final = re.compile(r" at 0x[0-9A-Fa-f]+")
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
    references, definitions = _generate_working(cores, key_names, found.problems)
    for name, schema in sorted(definitions.items()):
        found.definitions[name] = _finish(schema, definitions)
    for (key, _), schema in references.items():
        name = get_definition_name(schema)
        if name is None:  # it has no name of its own
            name = find_free_name(key[0].__name__, found.definitions)
            found.definitions[name] = _finish(schema, definitions)
        found.names[key] = name
    return found


def _generate_working(
    cores: Mapping[_Key, CoreSchema], key_names: KeyNames, problems: dict[_Key, str]
) -> Any:
    """Return what ``_generate`` does for those that can be made together, and name the others."""
    try:
        return _generate(cores, key_names)
    except Exception as error:  # of the user's hooks; one of them fails for all
        if len(cores) == 1:
            problems.update(dict.fromkeys(cores, describe_error(error)))
            return {}, {}
    keys = list(cores)
    half = len(keys) // 2
    parts: list[Mapping[_Key, CoreSchema]] = []
    for part in (keys[:half], keys[half:]):
        references, _ = _generate_working({key: cores[key] for key in part}, key_names, problems)
        parts.append({key: cores[key] for key, _ in references})
    first, second = parts
    try:
        return _generate({**first, **second}, key_names)
    except Exception as error:  # although each part works by itself
        text = f"beside those of other messages: {describe_error(error)}"
        problems.update(dict.fromkeys(second, text))
        return _generate(first, key_names)


def _generate(cores: Mapping[_Key, CoreSchema], key_names: KeyNames) -> Any:
    """Return references to schemas, and the definitions they lead to."""
    inputs: list[tuple[_Key, JsonSchemaMode, CoreSchema]] = [
        (key, key[1], core) for key, core in cores.items()
    ]
    return _Generator(key_names).generate_definitions(inputs)


def make_schema(model: Message, key_names: KeyNames, mode: JsonSchemaMode = "validation") -> Schema:
    """Return the schema of a message, with definitions of its own.

    Raises what Pydantic raises.
    """
    core = key_names.get_core_schema(TypeAdapter(model))
    found = _Generator(key_names).generate(core, mode)
    return _finish(found, found.get("$defs", {}))


def make_query_schema(model: type[BaseModel]) -> Schema:
    """Return the schema of query parameters, with all that it refers to written out.

    Raises what Pydantic raises, and ValueError for a model that is no object or holds itself.
    """
    found = _Generator(None).generate(TypeAdapter(model).core_schema, "validation")
    found = _finish(found, found.get("$defs", {}))
    definitions: Schema = found.pop("$defs", {})
    made = _write_out(found, definitions, ())
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
        self._plain: set[DefsRef] = set()
        """The definitions that have been made plain."""

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

    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        """Make plain what the user's code adds, before Pydantic compares schemas."""
        metadata = schema.get("metadata") or {}
        if isinstance(extra := metadata.get("pydantic_js_extra"), dict):
            # Pydantic would make lists of its sets.
            schema = {**schema, "metadata": {**metadata, "pydantic_js_extra": make_plain(extra)}}
        found = super().generate_inner(schema)
        reference = found.get("$ref") if len(found) == 1 else None
        if not isinstance(reference, str):
            return make_plain(found)  # type: ignore[no-any-return]  # a dict remains one
        name = self.json_to_defs_refs.get(JsonRef(reference))
        if name is not None and name in self.definitions and name not in self._plain:
            self._plain.add(name)
            self.definitions[name] = make_plain(self.definitions[name])
        return found

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Require the tag of what comes in: without it no choice is made, default or not."""
        found = super().tagged_union_schema(schema)
        tag = found.get("discriminator", {}).get("propertyName")
        if tag and self.mode == "validation":
            found["oneOf"] = [_require(choice, tag) for choice in found["oneOf"]]
        return found

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out what varies, and tell no serializer of the user's what is secret."""
        made: Any = {key: value for key, value in schema.items() if key != "default"}
        with contextlib.suppress(Exception):  # of the user's classes
            if "default" in schema and is_fixed(schema["default"]):
                default = mask_secrets(schema["default"])
                if schema["schema"]["type"] == "any":  # it may get a serializer that makes lists
                    default = encode(default, self._get_serializer)
                made["default"] = default
        return super().default_schema(made)

    def encode_default(self, dft: Any) -> Any:
        """Return a default as JSON, with the names of the wire.

        Sets have no order: they stand in that of their texts. Passwords of URLs are not told.
        """
        if dft is None or type(dft) in (bool, int, str):  # no need to compile what writes it
            return _hide_passwords(dft)
        if not _is_finite(dft):  # it would become null
            raise PydanticSerializationError("JSON has no such number")
        try:
            value = encode(dft, self._get_serializer)
        except Exception as error:  # of the user's serializers
            raise PydanticSerializationError("it cannot be written") from error
        return _hide_passwords(super().encode_default(value))

    def _get_serializer(self, kind: type[Any]) -> SchemaSerializer:
        key_names = self._key_names or KeyNames("action", camelize=False)
        return key_names.get_serializer(kind)

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        """Say that a part cannot be described, instead of describing nothing at all."""
        # Behind the first word stand objects, whose addresses differ from run to run.
        kind = error_info.split(" ", 1)[0].removeprefix("core_schema.").removesuffix("Schema")
        return {"description": f"Pydantic cannot describe this in JSON Schema ({kind})."}


def _require(schema: Schema, name: str) -> Schema:
    if "oneOf" in schema:
        return {**schema, "oneOf": [_require(choice, name) for choice in schema["oneOf"]]}
    if "$ref" in schema or name in schema.get("properties", {}):
        return {**schema, "required": list(dict.fromkeys([*schema.get("required", ()), name]))}
    return schema


def _hide_passwords(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hide_passwords(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_hide_passwords(each) for each in value]
    return _PASSWORD.sub(r"\1:**********", value) if isinstance(value, str) else value


def _finish(schema: Schema, definitions: Mapping[str, Any]) -> Schema:
    """Return a schema as documents have it: JSON, and in the same order in each process."""

    def finish(part: Schema) -> Schema:
        # Bounds, defaults and examples with numbers that JSON does not know.
        made = {key: value for key, value in part.items() if _is_finite(value)}
        name = made.get("$ref")
        if isinstance(name, str) and "required" in made:
            # Readers may take it for all that is required: it stands for the definition's.
            inner = definitions.get(name.removeprefix(DEFINITIONS), {})
            made["required"] = list(dict.fromkeys([*inner.get("required", ()), *made["required"]]))
        if isinstance(examples := made.get("examples"), list) and "properties" not in made:
            # Pydantic has made lists of the sets among the examples of a field.
            made["examples"] = [_sort_sets(each, made, definitions) for each in examples]
        return made

    made: Schema = change_schema(make_plain(schema), finish)
    return made


def _sort_sets(value: Any, schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Return data with the items of those arrays sorted that are sets."""
    if not (isinstance(schema, dict) and isinstance(value, dict | list)):
        return value
    if isinstance(name := schema.get("$ref"), str):
        return _sort_sets(value, definitions.get(name.removeprefix(DEFINITIONS)), definitions)
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        value = _sort_sets(value, choice, definitions)
    if isinstance(value, dict):
        properties, other = schema.get("properties", {}), schema.get("additionalProperties")
        return {
            key: _sort_sets(each, properties.get(key, other), definitions)
            for key, each in value.items()
        }
    items = [_sort_sets(each, schema.get("items"), definitions) for each in value]
    return sorted(items, key=to_json) if schema.get("uniqueItems") else items


def _is_finite(value: Any) -> bool:
    if isinstance(value, BaseModel):
        value = get_fields(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or isfinite(value)


def describe_error(error: Exception) -> str:
    """Return what went wrong, in one line that is the same in each process."""
    text = clean_text(_ADDRESS.sub("", str(error).split("\n", 1)[0]))
    return f"{type(error).__name__}: {text}"
