"""Finding unions of models that Pydantic can only tell apart in exponential time.

Pydantic tries a value on the members of a union one after the other. Where two of them hold the
same union again, each level of the value doubles the work.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from pydantic import TypeAdapter

__all__ = ["find_recursive_unions"]

_MAX_STEPS: Final = 1_000_000
"""Looks at parts of one class's schema, about a second: what is larger is not searched."""

# What a value is in JSON if a part of a schema looks into it. Named tuples ("call") take both.
_OBJECT: Final = frozenset({"object"})
_ARRAY: Final = frozenset({"array"})
_KINDS: Final = {
    **dict.fromkeys(("model", "dataclass", "typed-dict", "dict"), _OBJECT),
    **dict.fromkeys(("list", "tuple", "set", "frozenset", "generator"), _ARRAY),
    "call": _OBJECT | _ARRAY,
}

# Parts of a core schema that map the user's own names to schemas, and parts that say nothing of
# what comes in.
_MAPPINGS: Final = frozenset({"choices", "fields"})
_OPAQUE: Final = frozenset(
    {"cls", "config", "default", "definitions", "expected", "function", "metadata", "ref"}
    | {"computed_fields", "serialization"}
)


def find_recursive_unions(model: type[Any]) -> list[tuple[str, str]]:
    """Return the models and fields with a union that holds itself and has no discriminator.

    Each field's name comes once, with the first class that has it. A union counts when two of its
    members lead to it again and are both objects, or both arrays, in JSON.
    Never raises: what cannot be searched has no such unions.
    """
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(model)
        adapter.rebuild()  # what is deferred (``defer_build``) has no schema until then
        found: dict[str, str] = {}
        for owner, field in _Search(adapter.core_schema).find():
            found.setdefault(field, owner)
    except Exception:  # schemas differ from release to release, and may be too large
        return []
    return [(owner, field) for field, owner in found.items()]


class _Search:
    """One walk through a core schema, in which parts are told apart by their identity."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._definitions = {each["ref"]: each for each in schema.get("definitions", ())}
        self._steps_left = _MAX_STEPS

    def find(self) -> Iterator[tuple[str, str]]:
        """Yield the class and field of each union. Raises OverflowError for too large a schema."""
        seen: set[int] = set()
        todo: deque[tuple[Any, str, str]] = deque([(self._schema, "", "")])
        while todo:
            part, owner, field = todo.popleft()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if part.get("type") == "union" and field and self._holds_itself(part):
                yield owner, field
            if part.get("type") in ("model", "dataclass", "typed-dict"):
                owner, field = getattr(part.get("cls"), "__name__", owner), ""
            todo += [(inner, owner, name or field) for name, inner in self._get_parts(part)]

    def _holds_itself(self, union: Any) -> bool:
        counts = {"object": 0, "array": 0}
        for choice in _get_choices(union):
            kinds = self._get_kinds(choice)
            if kinds and self._leads_to(choice, union):
                for kind in kinds:
                    counts[kind] += 1
        return max(counts.values()) > 1

    def _leads_to(self, start: Any, goal: Any) -> bool:
        seen: set[int] = set()
        todo = [start]
        while todo:
            part = todo.pop()
            if part is goal:
                return True
            if id(part) not in seen:
                seen.add(id(part))
                todo += [inner for _, inner in self._get_parts(part)]
        return False

    def _get_kinds(self, part: Any) -> frozenset[str]:
        """Return what a value must be in JSON for a member of a union to look into it."""
        kinds: frozenset[str] = frozenset()
        seen: set[int] = set()
        todo = [part]
        while todo:
            part = todo.pop()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if part.get("type") in _KINDS:
                kinds |= _KINDS[part["type"]]
            elif part.get("type") != "json":  # JSON in a string doubles in length at each level
                todo += [inner for _, inner in self._get_parts(part)]
        return kinds

    def _get_parts(self, part: Any) -> Iterator[tuple[str, Any]]:
        """Yield the schemas right inside of one, with the field's name where it is one's."""
        self._steps_left -= 1
        if self._steps_left < 0:
            raise OverflowError("the schema is too large to be searched")
        target = self._definitions.get(part.get("schema_ref"))
        if target is not None:
            yield "", target
        for key, value in part.items():
            if key in _MAPPINGS and isinstance(value, dict):
                for name, inner in value.items():
                    # The choice of a tagged union may be another's tag.
                    if isinstance(inner, dict):
                        yield str(name) if key == "fields" else "", inner
            elif key not in _OPAQUE:
                yield from _get_schemas(value)


def _get_choices(union: Any) -> Iterator[Any]:
    for choice in union["choices"]:
        yield choice[0] if isinstance(choice, tuple) else choice  # with a label


def _get_schemas(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the schemas in a value of a schema: itself, or the items of a list."""
    if isinstance(value, dict):
        yield "", value
    elif isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, dict):
                yield str(item.get("name", "")), item  # fields of a dataclass have a name
            else:
                yield from _get_schemas(item)
