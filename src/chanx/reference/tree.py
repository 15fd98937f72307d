"""A JSON Schema as rows that unfold, for people to read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from chanx.reference.facts import (
    Fact,
    Schema,
    get_facts,
    get_options,
    get_reference,
    get_title,
    name_type,
)
from chanx.reference.identifiers import make_schema_id
from chanx.reference.text import Block, parse_text

__all__ = ["Row", "Trees"]

_MAX_DEPTH: Final = 12
_MAX_OPTIONS: Final = 12
"""A union of more has a link for each, instead of its fields."""
_MAX_NESTED: Final = 2
"""Parts within parts whose bounds are said in one line."""
_EACH: Final = ("each item", "each key")
_ANNOTATIONS: Final = ("description", "default", "deprecated", "examples")


@dataclass(frozen=True, slots=True)
class Row:
    """A field, an item, or one of several kinds that a value may be of.

    ``presence``: what is to be said of whether a field is there. ``link``: the identifier of the
    definition, where it is shown elsewhere. ``label``: what the children are.
    """

    name: str
    type: str
    presence: Literal["", "required", "not always there"] = ""
    is_deprecated: bool = False
    description: tuple[Block, ...] = ()
    facts: tuple[Fact, ...] = ()
    link: str | None = None
    is_recursive: bool = False
    label: str = ""
    children: tuple["Row", ...] = ()
    is_open: bool = False


class Trees:
    """Makes the rows of schemas that share definitions.

    ``depth``: how many references are followed, one within the other. ``size``: rows of one schema
    after which no more are followed. Those that are not are links, whose names ``linked`` holds.
    """

    def __init__(
        self, definitions: Mapping[str, Schema], *, depth: int = 6, size: int = 100
    ) -> None:
        self._definitions = definitions
        self._depth = depth
        self._size = size
        self._left = 0
        self._is_received = False
        self.linked: dict[str, None] = {}

    def make(
        self, name: str, *, depth: int | None = None, is_received: bool = False
    ) -> tuple[Row, ...]:
        """Return the rows of a definition: its fields, or what else it is made of.

        ``depth``: as for all, unless it is given. ``is_received``: clients read it, and want to
        know which fields may be missing; else they write it, and want to know which may not.
        """
        self._is_received = is_received
        before, self._depth = self._depth, self._depth if depth is None else depth
        self._left = self._size
        schema = self._definitions.get(name, {})
        try:
            rows, _ = self._make_children(schema, (name,), 0)
            if not rows:
                rows = (self._make_row(get_title(name, schema), schema, None, (name,), 0),)
        finally:
            self._depth = before
        return rows

    def make_fields(self, schema: Schema) -> tuple[Row, ...]:
        """Return the rows of a schema that is no definition and refers to none."""
        self._left = self._size
        self._is_received = False
        return self._make_children(schema, (), 0)[0]

    def _make_row(
        self,
        name: str,
        schema: Any,
        is_required: bool | None,
        stack: tuple[str, ...],
        level: int,
    ) -> Row:
        self._left -= 1
        found, stack, name_of_link = self._resolve(schema, stack)
        is_recursive = name_of_link is not None and name_of_link in stack
        link = None if name_of_link is None else make_schema_id(name_of_link)
        children: tuple[Row, ...] = ()
        label = ""
        if name_of_link is not None:
            self.linked[name_of_link] = None
        elif level < _MAX_DEPTH:
            children, label = self._make_children(found, stack, level + 1)
            if len(children) == 1 and children[0].name in _EACH and children[0].link:
                # The type of an array names its items: that can be the link.
                link, is_recursive, children = children[0].link, children[0].is_recursive, ()
        given = schema.get("description") if isinstance(schema, Mapping) else None
        text = given or found.get("description")
        return Row(
            name=name,
            type=name_type(schema, self._definitions),
            presence=self._get_presence(is_required),
            is_deprecated=found.get("deprecated") is True,
            description=parse_text(text) if isinstance(text, str) else (),
            facts=() if name_of_link else self._make_facts(found, is_required is False),
            link=link,
            is_recursive=is_recursive,
            label=label,
            children=children,
            is_open=level == 0,
        )

    def _make_facts(self, schema: Schema, with_default: bool, depth: int = 0) -> tuple[Fact, ...]:
        """Return what a schema allows, and what its parts do that have no rows of their own."""
        found = list(get_facts(schema, with_default=with_default))
        for name, part in self._list_parts(schema):
            inner, _, _ = self._resolve(part, ())
            bounds = {key: value for key, value in inner.items() if key != "examples"}
            facts = self._make_facts(bounds, False, depth + 1) if depth < _MAX_NESTED else ()
            found += [Fact(f"{name}: {fact.label}", fact.values) for fact in facts]
        return tuple(found)

    def _list_parts(self, schema: Schema) -> Iterator[tuple[str, Any]]:
        """Yield the kinds, items and values that have no rows, with what they are called."""
        if schema.get("properties"):
            return
        if not self._find_options(schema):
            for option in get_options(schema)[0]:
                yield name_type(option, self._definitions), option
        for key, name in zip(("items", "additionalProperties"), _EACH, strict=True):
            if isinstance(schema.get(key), Mapping) and not self._is_structured(schema[key]):
                yield name, schema[key]

    def _get_presence(
        self, is_required: bool | None
    ) -> Literal["", "required", "not always there"]:
        if is_required is None or is_required is self._is_received:
            return ""
        return "required" if is_required else "not always there"

    def _resolve(
        self, schema: Any, stack: tuple[str, ...]
    ) -> tuple[Schema, tuple[str, ...], str | None]:
        """Return a schema without references at its top, where they led, and a link in its place.

        An only option beside null, and an allOf of one, are followed like a reference.
        """
        found: Schema = schema if isinstance(schema, Mapping) else {}
        passed: set[str] = set()
        while True:
            inner: Any = None
            reference = get_reference(found)
            options, _ = get_options(found)
            if reference is not None:
                inner = self._definitions.get(reference, {})
                if self._is_structured(inner) and (
                    reference in stack or len(stack) > self._depth or self._left <= 0
                ):
                    return found, stack, reference
                if reference in passed:  # of nothing but itself
                    return {}, stack, None
                passed.add(reference)
                stack = (*stack, reference)
            elif len(options) == 1:
                inner = options[0]
            elif isinstance(found.get("allOf"), list) and len(found["allOf"]) == 1:
                inner = found["allOf"][0]
            if not isinstance(inner, Mapping):
                return found, stack, None
            kept = {key: found[key] for key in (*_ANNOTATIONS, "required") if key in found}
            found = {**inner, **kept}

    def _is_structured(self, schema: Any, seen: set[str] | None = None) -> bool:
        """Tell whether there is more to show of it than a line.

        ``seen``: the definitions that have been looked into.
        """
        if not isinstance(schema, Mapping):
            return False
        if schema.get("properties"):
            return True
        seen = set() if seen is None else seen
        reference = get_reference(schema)
        if reference in seen:
            reference = None
        elif reference is not None:
            seen.add(reference)
        inner = [
            *get_options(schema)[0],
            *_get_list(schema, "prefixItems"),
            *_get_list(schema, "allOf"),
            schema.get("items"),
            schema.get("additionalProperties"),
            self._definitions.get(reference) if reference is not None else None,
        ]
        return any(self._is_structured(each, seen) for each in inner)

    def _make_children(
        self, schema: Schema, stack: tuple[str, ...], level: int
    ) -> tuple[tuple[Row, ...], str]:
        """Return the rows below a schema, and what they are."""
        properties, others = schema.get("properties"), schema.get("additionalProperties")
        if isinstance(properties, Mapping) and properties:
            required = _get_list(schema, "required")
            rows = [
                self._make_row(name, each, name in required, stack, level)
                for name, each in properties.items()
            ]
            if isinstance(others, Mapping) and others:
                rows.append(self._make_row("any other key", others, None, stack, level))
            return tuple(rows), _count(rows, "field")
        if options := self._find_options(schema):
            rows = self._make_options(schema, options, stack, level)
            return tuple(rows), f"One of {len(rows)} kinds"
        if any(map(self._is_structured, _get_list(schema, "allOf"))):
            parts = schema["allOf"]
            rows = [
                self._make_row(name_type(each, self._definitions), each, None, stack, level)
                for each in parts
            ]
            return tuple(rows), "All of these"
        if any(map(self._is_structured, _get_list(schema, "prefixItems"))):
            rows = [
                self._make_row(f"[{number}]", each, None, stack, level)
                for number, each in enumerate(schema["prefixItems"])
            ]
            return tuple(rows), _count(rows, "item")
        for key, name in zip(("items", "additionalProperties"), _EACH, strict=True):
            if self._is_structured(schema.get(key)):
                return self._make_inner(schema[key], name, stack, level)
        return (), ""

    def _make_inner(
        self, schema: Any, name: str, stack: tuple[str, ...], level: int
    ) -> tuple[tuple[Row, ...], str]:
        """Return the fields of each item; or a row for it, where it is no object."""
        row = self._make_row(name, schema, None, stack, level)
        if row.children and row.label.endswith(("field", "fields")) and not row.facts:
            return row.children, f"{row.label} of {name}"
        return (row,), "Items" if name == _EACH[0] else "Values"

    def _find_options(self, schema: Schema) -> list[Any]:
        options, _ = get_options(schema)
        return options if any(map(self._is_structured, options)) else []

    def _make_options(
        self, schema: Schema, options: Sequence[Any], stack: tuple[str, ...], level: int
    ) -> list[Row]:
        discriminator = _get_mapping(schema, "discriminator")
        mapping = _get_mapping(discriminator, "mapping")
        names = {reference: value for value, reference in mapping.items()}
        key = discriminator.get("propertyName", "")
        left = self._left
        if len(options) > _MAX_OPTIONS:
            self._left = 0
        rows = []
        for each in options:
            reference = each.get("$ref") if isinstance(each, Mapping) else None
            kind = name_type(each, self._definitions)
            name = f"{key}: {names[reference]}" if reference in names else kind
            rows.append(self._make_row(name, each, None, stack, level))
            if len(options) > _MAX_OPTIONS:
                self._left = 0
        if len(options) > _MAX_OPTIONS:
            self._left = left - len(options)
        return rows


def _get_list(schema: Schema, key: str) -> Sequence[Any]:
    found = schema.get(key)
    return found if isinstance(found, list) else ()


def _get_mapping(schema: Schema, key: str) -> Schema:
    found = schema.get(key)
    return found if isinstance(found, Mapping) else {}


def _count(rows: Sequence[Row], noun: str) -> str:
    return f"{len(rows)} {noun}" if len(rows) == 1 else f"{len(rows)} {noun}s"
