"""Examples made from a JSON Schema: no chance in it, so the same schema has the same example.

Each place in a schema has some values to choose from, the best one first: an example that is given
there, the default, and then what its type and bounds allow. The first of each makes an example.
Where the model does not take it, the places that it complains about get their next value, until it
does.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from chanx.description.patterns import make_text
from chanx.description.schemas import DEFINITIONS
from chanx.description.values import get_numbers, get_texts

__all__ = ["NoExample", "make_example"]

_MAX_ATTEMPTS: Final = 100
_MAX_STEPS: Final = 20_000
"""Places that are visited for one attempt: schemas that refer to each other branch endlessly."""
_MAX_DEPTH: Final = 64
_MAX_TEXT: Final = 10_000
_MAX_ITEMS: Final = 1_000
_SPARE: Final = 16
"""Attempts for keys beyond those that are needed: some patterns have the same text twice."""

_KEYS: Final = ("key", "1", "2025-01-31", "5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f", "true")

Schema = Mapping[str, Any]
Path = tuple[str | int, ...]
Place = tuple[Path, int]
"""A path, and which of the schemas that stand there inside of each other."""
Check = Callable[[Any], list[Path]]
"""Takes an example and returns where it is wrong: one path for each error, none if it is right."""


class NoExample(ValueError):
    """No value was found that the schema and the model take."""


def make_example(schema: Schema, check: Check) -> Any:
    """Return a value that ``check`` has nothing to say against.

    ``schema`` holds its definitions. Raises NoExample.
    """
    chosen: dict[Place, int] = {}
    is_bare = False
    for _ in range(_MAX_ATTEMPTS):
        maker = _Maker(schema.get("$defs", {}), chosen, is_bare=is_bare)
        try:
            value = maker.make(schema)
        except _Impossible as error:
            if not maker.is_exhausted:
                raise NoExample(
                    "the schema has no value of finite size"
                    if maker.is_endless
                    else "no value was found that the schema allows"
                ) from error
            if is_bare:
                raise NoExample("the schema is too large") from error
            is_bare = True
            continue
        errors = check(value)
        if not errors:
            return value
        if not _choose_next(errors, maker.counts, chosen):
            break
    raise NoExample("the model takes none of those that were tried")


class _Impossible(ValueError):
    """This place has no value: it would hold itself, or nothing fits the bounds."""


def _choose_next(errors: list[Path], counts: Mapping[Place, int], chosen: dict[Place, int]) -> bool:
    """Have the places of errors take their next value. False: they have none left."""
    changed: set[Place] = set()
    for error in errors:
        # An error's path may name members of unions and validators, which are no keys.
        places = [place for place in counts if _is_subsequence(place[0], error)]
        for place in sorted(places, key=lambda each: (len(each[0]), each[1]), reverse=True):
            if place in changed:
                break
            if chosen.get(place, 0) + 1 < counts[place]:
                changed.add(place)
                break
    for place in changed:
        chosen[place] = chosen.get(place, 0) + 1
        for inner in [each for each in chosen if _is_inside(each, place)]:
            del chosen[inner]
    return bool(changed)


def _is_subsequence(path: Path, error: Path) -> bool:
    left = iter(error)
    return all(part in left for part in path)


def _is_inside(place: Place, outer: Place) -> bool:
    path, level = outer
    return place[0][: len(path)] == path and (len(place[0]) > len(path) or place[1] > level)


class _Maker:
    """One attempt: walks through a schema and makes the value that is chosen at each place."""

    def __init__(
        self, definitions: Schema, chosen: Mapping[Place, int], *, is_bare: bool = False
    ) -> None:
        self._definitions = definitions
        self._chosen = chosen
        self._is_bare = is_bare
        """Nothing is there that need not be: no optional keys, no items, no keys of maps."""
        self._steps_left = _MAX_STEPS
        self._open: list[str] = []
        """The definitions that are being made, from the outside in."""
        self.is_endless = False
        """A definition would have to hold itself somewhere."""
        self.counts: dict[Place, int] = {}
        """How many values there are to choose from at each place."""

    @property
    def is_exhausted(self) -> bool:
        """Tell whether there were more places than one attempt visits."""
        return self._steps_left < 0

    def make(self, schema: Any, path: Path = (), level: int = 0) -> Any:
        """Return a value. Raises _Impossible."""
        self._steps_left -= 1
        if self.is_exhausted:
            raise _Impossible
        if schema is False or len(path) > _MAX_DEPTH or level > _MAX_DEPTH:
            raise _Impossible
        schema = schema if isinstance(schema, Mapping) else {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return self._make_chosen(schema, path, level)
        name = reference.removeprefix(DEFINITIONS)
        if name in self._open or name not in self._definitions:
            self.is_endless |= name in self._open
            raise _Impossible
        self._open.append(name)
        try:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            return self._make_chosen({**self._definitions[name], **beside}, path, level)
        finally:
            self._open.pop()

    def _make_chosen(self, schema: Schema, path: Path, level: int) -> Any:
        if "$ref" in schema:  # a definition that only refers to another
            return self.make(schema, path, level)
        values = list(self._get_values(schema, path, level + 1))
        self.counts[path, level] = len(values)
        first = self._chosen.get((path, level), 0)
        for make_value in values[first:] + values[:first]:
            try:
                return make_value()
            except _Impossible:
                if self.is_exhausted:
                    raise
        raise _Impossible

    def _get_values(self, schema: Schema, path: Path, level: int) -> Iterator[Callable[[], Any]]:
        """Yield what makes the values of a place, the best one first."""
        for values in (schema.get("examples"), [schema["default"]] if "default" in schema else ()):
            for value in values if isinstance(values, list | tuple) else ():
                yield partial(_give, value)
        if "const" in schema:
            yield partial(_give, schema["const"])
            return
        if isinstance(enum := schema.get("enum"), list):
            for value in enum:
                yield partial(_give, value)
            return
        if parts := schema.get("allOf"):
            merged = self._merge([*parts, {key: schema[key] for key in schema if key != "allOf"}])
            yield partial(self._make_chosen, merged, path, level)
            return
        for union in ("oneOf", "anyOf"):
            if choices := schema.get(union):
                beside = {
                    key: schema[key] for key in schema if key not in (union, "examples", "default")
                }
                for choice in choices:
                    whole = {**choice, **beside} if isinstance(choice, Mapping) else choice
                    yield partial(self.make, whole, path, level)
                return
        kinds = schema.get("type", _guess_kind(schema))
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            yield from self._get_values_of_kind(kind, schema, path)

    def _get_values_of_kind(
        self, kind: str, schema: Schema, path: Path
    ) -> Iterator[Callable[[], Any]]:
        if kind == "object":
            for is_full in (False,) if self._is_bare else (True, False):
                for key in _KEYS if is_full and _is_mapping(schema) else _KEYS[:1]:
                    yield partial(self._make_object, schema, path, key, is_full=is_full)
        elif kind == "array":
            for wanted in (0,) if self._is_bare else (1, 0):
                yield partial(self._make_array, schema, path, wanted)
        else:
            for value in _get_plain_values(kind, schema, self._definitions):
                yield partial(_give, value)

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
                if name in required or self.is_exhausted:
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
        for number in range(wanted + len(made) + _SPARE):
            if len(made) >= wanted:
                return
            name: Any = key
            if pattern is not None:
                name = make_text(pattern, number + 1)
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
        is_unique = bool(schema.get("uniqueItems"))
        made: list[Any] = []
        for number in range(count):
            if is_unique and number > len(first):
                made.append(self._make_other(item, made))
            else:
                inner = first[number] if number < len(first) else item
                made.append(self.make(inner, (*path, number)))
        if is_unique and len({json.dumps(each) for each in made}) < len(made):
            raise _Impossible
        return made

    def _make_other(self, schema: Any, made: list[Any]) -> Any:
        """Return a value that is not among those that are made."""
        for number in range(2 * len(made) + 1):
            value = _pick(schema, number, self._definitions)
            if value not in made:
                return value
        raise _Impossible


def _give(value: Any) -> Any:
    return value


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
    few = schema.get("enum")
    if schema.get("type") == "boolean":
        few = [True, False]
    if isinstance(few, list):
        if number < len(few):
            return few[number]
        raise _Impossible
    kind = schema.get("type", "string")
    if kind == "array" and not schema.get("uniqueItems"):
        return _pick_array(schema, number, definitions)
    if kind in ("integer", "number"):
        step = schema.get("multipleOf", 1)
        values = list(get_numbers(schema, kind))
        return values[0] + number * step if values else number
    if kind == "string" and "pattern" in schema:
        text = make_text(schema["pattern"], max(schema.get("minLength", 0), 1) + number)
    elif kind == "string" and "format" not in schema:
        text = str(number).rjust(max(1, schema.get("minLength", 0)), "a")
    else:
        text = None
    if text is None or len(text) > schema.get("maxLength", _MAX_TEXT):
        raise _Impossible
    return text


def _pick_array(schema: Schema, number: int, definitions: Schema) -> list[Any]:
    """Return an array that differs in the first of its items that can."""
    made: list[Any] = _Maker(definitions, {}).make(schema)
    first = schema.get("prefixItems") or ()
    for place in range(len(made)):
        inner = first[place] if place < len(first) else schema.get("items", {})
        with contextlib.suppress(_Impossible):
            return [*made[:place], _pick(inner, number, definitions), *made[place + 1 :]]
    raise _Impossible


def _get_plain_values(kind: str, schema: Schema, definitions: Schema) -> Iterator[Any]:
    match kind:
        case "string":
            if "contentSchema" in schema:  # JSON inside of a text
                with contextlib.suppress(_Impossible):
                    yield json.dumps(_Maker(definitions, {}).make(schema["contentSchema"]))
            yield from get_texts(schema)
        case "integer" | "number":
            yield from get_numbers(schema, kind)
        case "boolean":
            yield from (True, False)
        case "null":
            yield None
