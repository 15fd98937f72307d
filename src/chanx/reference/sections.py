"""What the reference page shows, ready to be laid out: a template makes no decisions."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chanx.description.endpoints import Description, Endpoint, Parameter
from chanx.description.messages import MessageDescription
from chanx.reference.facts import Fact, get_facts, get_title, name_type
from chanx.reference.identifiers import Identifiers, make_schema_id
from chanx.reference.literals import write_javascript
from chanx.reference.snippets import Snippet, make_snippets, name_token
from chanx.reference.text import Block, Span, parse_spans, parse_text
from chanx.reference.tree import Row, Trees

__all__ = [
    "EndpointSection",
    "ExampleText",
    "MessageSection",
    "ParameterRow",
    "Reference",
    "SchemaSection",
    "SecurityRow",
    "make_reference",
]

_FEW: Final = 24
"""Messages of a page that shows them unfolded."""
_MANY: Final = 150
"""Messages beyond which schemas are shown once, and not within every message; and so are messages
that several endpoints have."""

_Key = tuple[str, str, str]
_PLACES: Final = {
    "cookie": "cookie",
    "header": "header",
    "subprotocol": "subprotocol",
    "query": "query string",
    "message": "first message",
}


@dataclass(frozen=True, slots=True)
class ExampleText:
    """A message as JSON that people read."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class MessageSection:
    """A message that goes one way. ``way``: "send" or "receive", as the client sees it."""

    id: str
    name: str
    actions: tuple[str, ...]
    way: str
    source: str
    summary: tuple[Span, ...]
    description: tuple[Block, ...]
    rows: tuple[Row, ...]
    examples: tuple[ExampleText, ...]
    problems: tuple[str, ...]
    is_deprecated: bool
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """A part of a path."""

    name: str
    type: str
    facts: tuple[Fact, ...]
    description: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class SecurityRow:
    """A kind of credentials, and the places where they may stand, each with a text."""

    label: str
    ways: tuple[tuple[str, tuple[Block, ...]], ...]


@dataclass(frozen=True, slots=True)
class EndpointSection:
    """An endpoint. Messages of chanx itself are described once, in a chapter of their own.

    So are, on a long page, those that other endpoints have, too: "shared".
    """

    id: str
    endpoint: Endpoint
    path_parts: tuple[Span, ...]
    url: str
    summary: tuple[Span, ...]
    description: tuple[Block, ...]
    parameters: tuple[ParameterRow, ...]
    query: tuple[Row, ...]
    query_description: tuple[Block, ...]
    security: tuple[SecurityRow, ...]
    sent: tuple[MessageSection, ...]
    received: tuple[MessageSection, ...]
    standard_sent: tuple[MessageSection, ...]
    standard_received: tuple[MessageSection, ...]
    shared_sent: tuple[MessageSection, ...]
    shared_received: tuple[MessageSection, ...]
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, slots=True)
class SchemaSection:
    """A definition that links lead to."""

    id: str
    title: str
    type: str
    description: tuple[Block, ...]
    facts: tuple[Fact, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """All of the page."""

    server: str
    action_key: str
    endpoints: tuple[EndpointSection, ...] = ()
    standard: tuple[MessageSection, ...] = ()
    shared: tuple[MessageSection, ...] = ()
    schemas: tuple[SchemaSection, ...] = ()


def make_reference(description: Description, server: str) -> Reference:
    """Return what the page shows of a description; ``server`` is the start of the addresses."""
    return _Maker(description, server).make()


class _Maker:
    """Makes the sections of one page, which share identifiers and schemas."""

    def __init__(self, description: Description, server: str) -> None:
        self._description = description
        self._server = server
        self._ids = Identifiers()
        own = [each for each in _list_messages(description.endpoints) if each.source != "chanx"]
        self._is_small = len(own) <= _FEW
        self._trees = (
            Trees(description.definitions)
            if len(own) <= _MANY
            else Trees(description.definitions, depth=1, size=40)
        )
        self._rows: dict[tuple[str, bool], tuple[Row, ...]] = {}
        counts = Counter(map(_get_key, own)) if len(own) > _MANY else {}
        self._shared_keys = {key for key, count in counts.items() if count > 1}
        self._once: dict[_Key, MessageSection] = {}

    def make(self) -> Reference:
        """Return the page's content."""
        for message in _list_messages(self._description.endpoints):
            key = _get_key(message)
            if (message.source == "chanx" or key in self._shared_keys) and key not in self._once:
                self._once[key] = self._make_message(message, "message")
        endpoints = tuple(map(self._make_endpoint, self._description.endpoints))
        once = sorted(self._once.values(), key=lambda each: each.way != "send")
        return Reference(
            server=self._server,
            action_key=self._description.action_key,
            endpoints=endpoints,
            standard=tuple(each for each in once if each.source == "chanx"),
            shared=tuple(each for each in once if each.source != "chanx"),
            schemas=tuple(self._make_schemas()),
        )

    def _make_endpoint(self, endpoint: Endpoint) -> EndpointSection:
        place = self._ids.make(endpoint.name, "endpoint")
        sent, standard_sent, shared_sent = self._divide(endpoint.incoming, place)
        received, standard_received, shared_received = self._divide(endpoint.outgoing, place)
        query = endpoint.query or {}
        query_text = query.get("description")
        return EndpointSection(
            id=place,
            endpoint=endpoint,
            path_parts=_split_path(endpoint),
            url=self._server + endpoint.path,
            summary=parse_spans(endpoint.summary),
            description=parse_text(endpoint.description),
            parameters=tuple(map(self._make_parameter, endpoint.parameters)),
            query=self._trees.make_fields(query) if query else (),
            query_description=parse_text(query_text) if isinstance(query_text, str) else (),
            security=tuple(_describe_security(endpoint)),
            sent=sent,
            received=received,
            standard_sent=standard_sent,
            standard_received=standard_received,
            shared_sent=shared_sent,
            shared_received=shared_received,
            snippets=make_snippets(endpoint, self._server, self._description.action_key),
        )

    def _divide(
        self, messages: Iterable[MessageDescription], place: str
    ) -> tuple[tuple[MessageSection, ...], ...]:
        """Return the endpoint's own messages, those of chanx, and those of several endpoints."""
        own: list[MessageSection] = []
        standard: list[MessageSection] = []
        shared: list[MessageSection] = []
        for message in messages:
            if found := self._once.get(_get_key(message)):
                (standard if message.source == "chanx" else shared).append(found)
            else:
                own.append(self._make_message(message, place))
        return tuple(own), tuple(standard), tuple(shared)

    def _make_message(self, message: MessageDescription, place: str) -> MessageSection:
        way = "send" if message.direction == "in" else "receive"
        return MessageSection(
            id=self._ids.make(f"{way}-{message.actions[0]}", place),
            name=message.name,
            actions=tuple(map(str, message.actions)),  # of a number a template makes 1.234
            way=way,
            source=message.source,
            summary=parse_spans(message.summary),
            description=parse_text(message.description),
            rows=self._make_rows(message.schema, is_received=way == "receive"),
            examples=_write_examples(message),
            problems=message.problems,
            is_deprecated=message.is_deprecated,
            is_open=self._is_small and message.source != "chanx",
        )

    def _make_rows(self, schema: str | None, *, is_received: bool) -> tuple[Row, ...]:
        if schema is None:
            return ()
        key = (schema, is_received)
        if key not in self._rows:
            self._rows[key] = self._trees.make(schema, is_received=is_received)
        return self._rows[key]

    def _make_parameter(self, parameter: Parameter) -> ParameterRow:
        description = parameter.description
        if description == f"Text that matches {parameter.pattern}":  # a fact, below
            description = ""
        return ParameterRow(
            name=parameter.name,
            type=name_type(parameter.schema, self._description.definitions),
            facts=get_facts(parameter.schema),
            description=parse_spans(description),
        )

    def _make_schemas(self) -> Iterator[SchemaSection]:
        """Yield those that links lead to, and those that they themselves lead to."""
        definitions = self._description.definitions
        done: dict[str, SchemaSection] = {}
        while left := [name for name in self._trees.linked if name not in done]:
            for name in left:
                definition: Mapping[str, Any] = definitions.get(name, {})
                text = definition.get("description")
                done[name] = SchemaSection(
                    id=make_schema_id(name),
                    title=_title_schema(name, definition, definitions),
                    type=str(definition.get("type", "")),
                    description=parse_text(text) if isinstance(text, str) else (),
                    facts=get_facts(definition, with_default=False),
                    rows=self._trees.make(name, depth=0, is_received=name.endswith("-Output")),
                )
        yield from sorted(done.values(), key=lambda each: each.title.lower())


def _get_key(message: MessageDescription) -> _Key:
    return message.path, message.direction, message.source


def _list_messages(endpoints: Iterable[Endpoint]) -> Iterator[MessageDescription]:
    for endpoint in endpoints:
        yield from endpoint.incoming
        yield from endpoint.outgoing


def _write_examples(message: MessageDescription) -> tuple[ExampleText, ...]:
    return tuple(
        ExampleText(each.name, write_javascript(each.content)) for each in message.examples
    )


def _split_path(endpoint: Endpoint) -> tuple[Span, ...]:
    """Return the path in parts; its parameters are those marked as code."""
    names = [re.escape(f"{{{each.name}}}") for each in endpoint.parameters]
    if not names:
        return (Span(endpoint.path),)
    parts = re.split(f"({'|'.join(names)})", endpoint.path)
    return tuple(Span(part, is_code=part.startswith("{")) for part in parts if part)


def _describe_security(endpoint: Endpoint) -> Iterator[SecurityRow]:
    labels = {"session": "Session", "basic": "User name and password"}
    found: dict[str, list[tuple[str, tuple[Block, ...]]]] = {}
    for scheme in endpoint.security:
        label = (
            name_token(scheme) if scheme.kind == "token" else labels.get(scheme.kind, scheme.name)
        )
        where = _PLACES.get(scheme.location or "", "")
        if scheme.location in ("cookie", "header"):
            where = f"{where} {scheme.parameter}"
        found.setdefault(label, []).append((where, parse_text(scheme.description)))
    for label, ways in found.items():
        yield SecurityRow(label, tuple(ways))


def _title_schema(name: str, definition: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return a title that no other has: what is sent and what comes may differ."""
    title = get_title(name, definition)
    if sum(get_title(other, each) == title for other, each in definitions.items()) == 1:
        return title
    for ending, text in (("-Input", "sent"), ("-Output", "received")):
        if name == f"{title}{ending}":
            return f"{title} ({text})"
    return name
