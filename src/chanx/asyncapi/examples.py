"""Examples made from a JSON Schema: no chance in it, so the same schema has the same example.

Each place in a schema has some values to choose from, the best one first: an example that is given
there, the default, and then what its type and bounds allow. The first of each makes an example.
Where the model does not take it, the places that it complains about get their next value, until it
does.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

from chanx.asyncapi.patterns import make_text
from chanx.asyncapi.schemas import DEFINITIONS

__all__ = ["NoExample", "make_example"]

_MAX_ATTEMPTS: Final = 100
_MAX_STEPS: Final = 20_000
"""Places that are visited for one attempt: schemas that refer to each other branch endlessly."""
_MAX_TEXT: Final = 10_000
_MAX_ITEMS: Final = 1_000

_FORMATS: Final[dict[str, tuple[str, ...]]] = {
    # Some of Pydantic's types want the past, the future, a time zone or none, and all have one
    # format.
    "date-time": (
        "2025-01-31T12:00:00Z",
        "2025-01-31T12:00:00",
        "2999-01-31T12:00:00Z",
        "2999-01-31T12:00:00",
    ),
    "date": ("2025-01-31", "2999-01-31"),
    "time": ("12:00:00", "12:00:00Z"),
    "duration": ("PT1H", "PT1S", "P1D"),
    "email": ("user@example.com",),
    "idn-email": ("user@example.com",),
    "name-email": ("User <user@example.com>",),
    "hostname": ("example.com",),
    "uri": (
        "https://example.com/",
        "wss://example.com/",
        "ftp://example.com/",
        "file:///tmp/example",
        "redis://localhost:6379/0",
        "postgresql://user@localhost:5432/app",
    ),
    "multi-host-uri": ("postgresql://user@localhost:5432/app",),
    "uuid": ("5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f",),
    "uuid1": ("5f0c4f8e-3d0a-11ee-9d55-0a1b2c3d4e5f",),
    "uuid3": ("5f0c4f8e-3d0a-3b6e-9d55-0a1b2c3d4e5f",),
    "uuid4": ("5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f",),
    "uuid5": ("5f0c4f8e-3d0a-5b6e-9d55-0a1b2c3d4e5f",),
    "uuid6": ("1ee3d0a5-f0c4-6b6e-9d55-0a1b2c3d4e5f",),
    "uuid7": ("018d5f0c-4f8e-7b6e-9d55-0a1b2c3d4e5f",),
    "uuid8": ("5f0c4f8e-3d0a-8b6e-9d55-0a1b2c3d4e5f",),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "ipv4network": ("192.0.2.0/24",),
    "ipv6network": ("2001:db8::/32",),
    "ipv4interface": ("192.0.2.1/24",),
    "ipv6interface": ("2001:db8::1/32",),
    "ipvanyaddress": ("192.0.2.1",),
    "ipvanynetwork": ("192.0.2.0/24",),
    "ipvanyinterface": ("192.0.2.1/24",),
    "base64url": ("dGV4dA==",),
    "base64": ("dGV4dA==",),
    "color": ("#336699",),
    "regex": ("^a+$",),
    "json-string": ("{}", "[]", "1", '"text"'),
    "file-path": ("manage.py", "/dev/null"),
    "directory-path": ("/",),
}
"""Values of formats: those of JSON Schema (Draft 2020-12, Validation, section 7.3) and Pydantic's.

Addresses and domains are those kept for documentation (RFC 5737, RFC 3849, RFC 2606).
"""

_TEXTS: Final = ("string", "1", "true", "2025-01-31T12:00:00Z", "dGV4dA==", "a", "A", "1.5", "")
"""For texts of which no format is known: what a validator behind it may have in mind."""
_KEYS: Final = ("key", "1", "2025-01-31", "5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f", "true")

Schema = Mapping[str, Any]
Path = tuple[str | int, ...]
Check = Callable[[Any], list[tuple[str | int, ...]]]
"""Takes an example and returns where it is wrong: one path for each error, none if it is right."""


class NoExample(ValueError):
    """No value was found that the schema and the model take."""


def make_example(schema: Schema, check: Check) -> Any:
    """Return a value that ``check`` has nothing to say against.

    ``schema`` holds its definitions. Raises NoExample.
    """
    chosen: dict[Path, int] = {}
    for _ in range(_MAX_ATTEMPTS):
        maker = _Maker(schema.get("$defs", {}), chosen)
        try:
            value = maker.make(schema)
        except _Impossible as error:
            raise NoExample("the schema has no example of finite size") from error
        errors = check(value)
        if not errors:
            return value
        if not any([_choose_next(path, maker.counts, chosen) for path in errors]):
            break
    raise NoExample("the model takes none of those that were tried")


class _Impossible(ValueError):
    """This place has no value: it would hold itself, or nothing fits the bounds."""


def _choose_next(error: Path, counts: Mapping[Path, int], chosen: dict[Path, int]) -> bool:
    """Have the place of an error take its next value. False: it has none left."""
    # An error's path may name members of unions and validators, which are no keys.
    places = [path for path in counts if _is_subsequence(path, error)]
    for place in sorted(places, key=lambda path: (len(path), path.count), reverse=True):
        if chosen.get(place, 0) + 1 < counts[place]:
            chosen[place] = chosen.get(place, 0) + 1
            for inner in [path for path in chosen if len(path) > len(place)]:
                if inner[: len(place)] == place:
                    del chosen[inner]
            return True
    return False


def _is_subsequence(path: Path, error: Path) -> bool:
    left = iter(error)
    return all(part in left for part in path)


class _Maker:
    """One attempt: walks through a schema and makes the value that is chosen at each place."""

    def __init__(self, definitions: Schema, chosen: Mapping[Path, int]) -> None:
        self._definitions = definitions
        self._chosen = chosen
        self._steps_left = _MAX_STEPS
        self._open: list[str] = []
        """The definitions that are being made, from the outside in."""
        self.counts: dict[Path, int] = {}
        """How many values there are to choose from at each place."""

    def make(self, schema: Any, path: Path = ()) -> Any:
        """Return a value. Raises _Impossible."""
        self._steps_left -= 1
        if self._steps_left < 0:
            raise _Impossible
        if schema is False:
            raise _Impossible
        schema = schema if isinstance(schema, Mapping) else {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return self._make_chosen(schema, path)
        name = reference.removeprefix(DEFINITIONS)
        if name in self._open or name not in self._definitions:
            raise _Impossible
        self._open.append(name)
        try:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            return self._make_chosen({**self._definitions[name], **beside}, path)
        finally:
            self._open.pop()

    def _make_chosen(self, schema: Schema, path: Path) -> Any:
        if "$ref" in schema:  # a definition that only refers to another
            return self.make(schema, path)
        values = list(self._get_values(schema, path))
        # Those of a place inside, at the same path, are counted as well: the most of them counts.
        self.counts[path] = max(len(values), self.counts.get(path, 0))
        first = self._chosen.get(path, 0) % max(1, len(values))
        for make_value in values[first:] + values[:first]:
            try:
                return make_value()
            except _Impossible:
                if self._steps_left < 0:
                    raise
        raise _Impossible

    def _get_values(self, schema: Schema, path: Path) -> Iterator[Callable[[], Any]]:
        """Yield what makes the values of a place, the best one first."""
        for values in (schema.get("examples"), [schema["default"]] if "default" in schema else ()):
            for value in values if isinstance(values, list | tuple) else ():
                if not (schema.get("uniqueItems") and isinstance(value, list) and len(value) > 1):
                    yield lambda value=value: value
        if "const" in schema:
            yield lambda: schema["const"]
            return
        if isinstance(enum := schema.get("enum"), list):
            for value in enum:
                yield lambda value=value: value
            return
        if parts := schema.get("allOf"):
            merged = self._merge([*parts, {key: schema[key] for key in schema if key != "allOf"}])
            yield lambda: self._make_chosen(merged, path)
            return
        for union in ("oneOf", "anyOf"):
            if choices := schema.get(union):
                beside = {
                    key: schema[key] for key in schema if key not in (union, "examples", "default")
                }
                for choice in choices:
                    yield lambda choice=choice: self.make({**choice, **beside}, path)
                return
        kinds = schema.get("type", _guess_kind(schema))
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            yield from self._get_values_of_kind(kind, schema, path)

    def _get_values_of_kind(
        self, kind: str, schema: Schema, path: Path
    ) -> Iterator[Callable[[], Any]]:
        if kind == "object":
            for is_full in (True, False):
                for key in _KEYS if is_full and _is_mapping(schema) else _KEYS[:1]:
                    yield lambda is_full=is_full, key=key: self._make_object(
                        schema, path, key, is_full=is_full
                    )
        elif kind == "array":
            yield lambda: self._make_array(schema, path, 1)
            yield lambda: self._make_array(schema, path, 0)
        else:
            for value in _get_plain_values(kind, schema):
                yield lambda value=value: value

    def _merge(self, parts: list[Any]) -> dict[str, Any]:
        """Put the parts of an ``allOf`` together, later ones over earlier ones."""
        merged: dict[str, Any] = {}
        for part in parts:
            found = dict(part) if isinstance(part, Mapping) else {}
            for _ in range(len(self._definitions) + 1):
                if not isinstance(reference := found.pop("$ref", None), str):
                    break
                found = {**self._definitions.get(reference.removeprefix(DEFINITIONS), {}), **found}
            properties = {**merged.get("properties", {}), **found.get("properties", {})}
            required = [*merged.get("required", ()), *found.get("required", ())]
            merged = {**merged, **found}
            if properties:
                merged["properties"] = properties
            if required:
                merged["required"] = required
        return merged

    # --- objects and arrays ---------------------------------------------------------------------

    def _make_object(self, schema: Schema, path: Path, key: str, *, is_full: bool) -> Any:
        required = schema.get("required", ())
        made: dict[str, Any] = {}
        for name, field in schema.get("properties", {}).items():
            if name not in required and not is_full:
                continue
            try:
                made[name] = self.make(field, (*path, name))
            except _Impossible:
                if name in required or self._steps_left < 0:
                    raise
        least = schema.get("minProperties", 0)
        wanted = max(least, 1 if is_full and _is_mapping(schema) else 0)
        if "maxProperties" in schema:
            wanted = min(wanted, schema["maxProperties"])
        if len(made) < wanted <= _MAX_ITEMS:
            self._add_keys(made, schema, path, key, wanted)
        if len(made) < least:
            raise _Impossible
        return made

    def _add_keys(
        self, made: dict[str, Any], schema: Schema, path: Path, key: str, wanted: int
    ) -> None:
        """Add keys that are the user's own, until there are as many as are wanted."""
        patterns = schema.get("patternProperties") or {}
        pattern, item = next(iter(patterns.items()), (None, schema.get("additionalProperties", {})))
        names: Any = schema.get("propertyNames")
        for number in range(wanted + len(made)):
            if len(made) >= wanted:
                return
            name: Any = key
            if pattern is not None:
                name = make_text(pattern, number)
            elif isinstance(names, Mapping) and names:
                name = _pick({**names, "type": "string"}, number, self._definitions)
            elif number:
                name = f"{key}{number}"
            if not isinstance(name, str):
                return
            try:
                made[name] = self.make(item, (*path, name))
            except _Impossible:
                return

    def _make_array(self, schema: Schema, path: Path, wanted: int) -> Any:
        count = max(schema.get("minItems", 0), wanted)
        if "maxItems" in schema:
            count = min(count, schema["maxItems"])
        if count > _MAX_ITEMS:
            raise _Impossible
        first = schema.get("prefixItems") or ()
        item = schema.get("items", {})
        made: list[Any] = []
        for number in range(max(count, min(len(first), schema.get("minItems", 0)))):
            if number < len(first):
                made.append(self.make(first[number], (*path, number)))
            elif number == len(first) or not schema.get("uniqueItems"):
                made.append(self.make(item, (*path, number)))
            else:
                made.append(_pick(item, number, self._definitions))
        if schema.get("uniqueItems") and len({json.dumps(each) for each in made}) < len(made):
            raise _Impossible
        return made


def _is_mapping(schema: Schema) -> bool:
    """Tell whether an object has keys of the user's own, as far as is said."""
    free = schema.get("additionalProperties")
    return (
        isinstance(free, Mapping)
        or bool(schema.get("patternProperties"))
        or (free is True and not schema.get("properties"))
    )


def _guess_kind(schema: Schema) -> Any:
    if "properties" in schema or "patternProperties" in schema:
        return "object"
    if "prefixItems" in schema:
        return "array"
    if "pattern" in schema or "format" in schema or "minLength" in schema:
        return "string"
    if {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"} & set(schema):
        return "number"
    return ["null", "object", "string", "integer", "array"]


def _pick(schema: Any, number: int, definitions: Schema) -> Any:
    """Return the value of this number of a schema, all of which differ. Raises _Impossible."""
    while isinstance(schema, Mapping) and "$ref" in schema:
        schema = definitions.get(schema["$ref"].removeprefix(DEFINITIONS), {})
    schema = schema if isinstance(schema, Mapping) else {}
    if isinstance(enum := schema.get("enum"), list):
        if number < len(enum):
            return enum[number]
        raise _Impossible
    kind = schema.get("type", "string")
    if kind in ("integer", "number"):
        step = schema.get("multipleOf", 1)
        values = list(_get_numbers(schema, kind))
        return values[0] + number * step if values else number
    if kind == "string" and "pattern" in schema:
        text = make_text(schema["pattern"], max(schema.get("minLength", 0), number))
    elif kind == "string" and "format" not in schema:
        text = str(number).rjust(max(1, schema.get("minLength", 0)), "a")
    else:
        text = None
    if text is None or len(text) > schema.get("maxLength", _MAX_TEXT):
        raise _Impossible
    return text


# --- texts and numbers ----------------------------------------------------------------------------


def _get_plain_values(kind: str, schema: Schema) -> Iterator[Any]:
    match kind:
        case "string":
            yield from _get_texts(schema)
        case "integer" | "number":
            yield from _get_numbers(schema, kind)
        case "boolean":
            yield from (True, False)
        case "null":
            yield None


def _get_texts(schema: Schema) -> Iterator[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if least > _MAX_TEXT:
        return
    if pattern := schema.get("pattern"):
        plain = _TEXTS[0].ljust(least, "g")[:most]
        for text in (plain if _matches(pattern, plain) else None, make_text(pattern, least, most)):
            if text is not None:
                yield text
    if "contentSchema" in schema:
        try:
            yield json.dumps(_Maker({}, {}).make(schema["contentSchema"]))
        except _Impossible:
            pass
    yield from _FORMATS.get(str(schema.get("format")), ())
    for text in _TEXTS:
        text = text.ljust(least, text[-1:] or "a")
        yield text if most is None else text[:most]


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except (re.error, OverflowError, RecursionError):
        return False


def _get_numbers(schema: Schema, kind: str) -> Iterator[int | float]:
    """Yield numbers within the bounds: 1 if it is, or what is next to the bound that forbids it."""
    step = Fraction(str(schema["multipleOf"])) if schema.get("multipleOf") else None
    if step is None and kind == "integer":
        step = Fraction(1)
    low, high = _get_bound(schema, "inimum"), _get_bound(schema, "aximum")
    open_low, open_high = "exclusiveMinimum" in schema, "exclusiveMaximum" in schema
    wanted: list[Fraction] = [Fraction(1), Fraction(0)]
    if low is not None:
        wanted += [low, low + (step or 1)]
    if high is not None:
        wanted += [high, high - (step or 1)]
    if low is not None and high is not None:
        wanted.append((low + high) / 2)
    for value in wanted:
        for exact in (
            (value,)
            if step is None
            else (
                ceil(value / step) * step,
                floor(value / step) * step,
            )
        ):
            if low is not None and (exact < low or (open_low and exact == low)):
                continue
            if high is not None and (exact > high or (open_high and exact == high)):
                continue
            yield int(exact) if kind == "integer" or exact.denominator == 1 else float(exact)


def _get_bound(schema: Schema, name: str) -> Fraction | None:
    for key in (f"exclusiveM{name}", f"m{name}"):
        value = schema.get(key)
        if isinstance(value, int | float) and value == value and abs(value) != float("inf"):
            return Fraction(str(value))
    return None
