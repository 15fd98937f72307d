"""What a JSON Schema says in one line: the name of a type, and the bounds of its values."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chanx.description.schemas import DEFINITIONS

__all__ = ["Fact", "Schema", "get_facts", "get_options", "get_reference", "get_title", "name_type"]

Schema = Mapping[str, Any]

_MAX_VALUES: Final = 40
_MAX_KINDS: Final = 4
_MAX_DEPTH: Final = 4
_TYPES: Final = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    type(None): "null",
    list: "array",
    dict: "object",
}
_BOUNDS: Final = (
    ("minLength", "maxLength", "character", "characters"),
    ("minItems", "maxItems", "item", "items"),
    ("minProperties", "maxProperties", "key", "keys"),
)
_LIMITS: Final = (
    ("minimum", "at least"),
    ("exclusiveMinimum", "more than"),
    ("maximum", "at most"),
    ("exclusiveMaximum", "less than"),
    ("multipleOf", "a multiple of"),
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and values; the values stand as code. One of the two may be empty."""

    label: str
    values: tuple[str, ...] = ()


def get_reference(schema: Any) -> str | None:
    """Return the name of the definition that a schema refers to."""
    reference = schema.get("$ref") if isinstance(schema, Mapping) else None
    if isinstance(reference, str) and reference.startswith(DEFINITIONS):
        return reference.removeprefix(DEFINITIONS)
    return None


def get_title(name: str, definition: Any) -> str:
    """Return what people call a definition."""
    title = definition.get("title") if isinstance(definition, Mapping) else None
    return title if isinstance(title, str) and title else name


def get_options(schema: Schema) -> tuple[list[Any], bool]:
    """Return the schemas of which one applies, without null; and whether null is one of them."""
    options = schema.get("anyOf", schema.get("oneOf"))
    if not isinstance(options, list):
        return [], False
    others = [each for each in options if not _is_null(each)]
    return others, len(others) < len(options)


def name_type(schema: Any, definitions: Mapping[str, Schema], depth: int = 0) -> str:
    """Return what a value is, in a few words."""
    if schema is False:
        return "nothing"
    if not isinstance(schema, Mapping) or not schema:
        return "anything"
    if depth > _MAX_DEPTH:
        return "…"

    def name(inner: Any) -> str:
        return name_type(inner, definitions, depth + 1)

    if (reference := get_reference(schema)) is not None:
        definition = definitions.get(reference, {})
        is_simple = "enum" in definition or "const" in definition
        return name(definition) if is_simple else get_title(reference, definition)
    options, is_nullable = get_options(schema)
    if options or is_nullable:
        return _join(list(dict.fromkeys(map(name, options))), is_nullable)
    if isinstance(schema.get("allOf"), list):
        return " and ".join(dict.fromkeys(map(name, schema["allOf"]))) or "anything"
    if "const" in schema:
        return write_value(schema["const"])
    if isinstance(schema.get("enum"), list) and "type" not in schema:
        kinds = [_TYPES.get(type(each), "anything") for each in schema["enum"]]
        return _join(list(dict.fromkeys(kinds)), False)
    kind = schema.get("type")
    if isinstance(kind, list):
        parts = [name({**schema, "type": each}) for each in kind if each != "null"]
        return _join(parts, "null" in kind)
    return _name_one_type(schema, kind, name)


def _name_one_type(schema: Schema, kind: Any, name: Callable[[Any], str]) -> str:
    if kind == "array" and isinstance(schema.get("prefixItems"), list):
        parts = [name(each) for each in schema["prefixItems"]]
        shown = [*parts[:_MAX_KINDS], *(["…"] if len(parts) > _MAX_KINDS else [])]
        return f"array [{', '.join(shown)}]"
    if kind == "array":
        return f"array of {name(schema['items'])}" if schema.get("items") else "array"
    if kind == "object" and not schema.get("properties"):
        values = schema.get("additionalProperties")
        return f"map of {name(values)}" if isinstance(values, Mapping) else "object"
    if isinstance(schema.get("format"), str):
        return f"{kind or 'anything'} ({schema['format']})"
    return str(kind or "anything")


def _join(parts: list[str], is_nullable: bool) -> str:
    if len(parts) > _MAX_KINDS:
        parts = [f"one of {len(parts)} kinds"]
    return " or ".join([*parts, *(["null"] if is_nullable else [])]) or "nothing"


def get_facts(schema: Schema, *, with_default: bool = True) -> tuple[Fact, ...]:
    """Return what a schema allows, as far as it is not said by its type."""
    found: list[Fact] = []
    if isinstance(schema.get("enum"), list):
        values = [write_value(each) for each in schema["enum"]]
        more = (f"and {len(values) - _MAX_VALUES} more",) if len(values) > _MAX_VALUES else ()
        found.append(Fact("one of", (*values[:_MAX_VALUES], *more)))
    for low, high, one, many in _BOUNDS:
        if text := _name_bounds(schema.get(low), schema.get(high), one, many):
            found.append(Fact(text))
    found += [Fact(label, (_write_limit(schema[key]),)) for key, label in _LIMITS if key in schema]
    if isinstance(schema.get("pattern"), str):
        found.append(Fact("matches", (schema["pattern"],)))
    for key, label in (("contentEncoding", "encoded as"), ("contentMediaType", "holds")):
        if isinstance(schema.get(key), str):
            found.append(Fact(label, (schema[key],)))
    if schema.get("uniqueItems"):
        found.append(Fact("no item twice"))
    if schema.get("additionalProperties") is False:
        found.append(Fact("no other fields"))
    if with_default and "default" in schema and "const" not in schema:
        found.append(Fact("default", (write_value(schema["default"]),)))
    if isinstance(schema.get("examples"), list) and schema["examples"]:
        found.append(Fact("for example", (write_value(schema["examples"][0]),)))
    return tuple(found)


def _name_bounds(low: Any, high: Any, one: str, many: str) -> str:
    if low and high is not None:
        noun = one if high == 1 else many
        return f"exactly {low} {noun}" if low == high else f"{low} to {high} {noun}"
    if low:
        return f"at least {low} {one if low == 1 else many}"
    return f"at most {high} {one if high == 1 else many}" if high is not None else ""


def _write_limit(value: Any) -> str:
    # 1.0 and 1 are one number in JSON Schema; versions of Pydantic differ in what they write.
    is_whole = isinstance(value, float) and value.is_integer()
    return write_value(int(value) if is_whole else value)


def write_value(value: Any) -> str:
    """Return a value as JSON, in one line."""
    return json.dumps(value, ensure_ascii=False)


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"
