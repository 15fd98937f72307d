"""What the page shows, before it is laid out."""

from dataclasses import replace
from typing import Any, Literal

import pytest
from django.template.loader import render_to_string
from pydantic import BaseModel, create_model
from rest_framework.authentication import SessionAuthentication, TokenAuthentication

from chanx.description.endpoints import Description, describe
from chanx.messages.base import BaseIncomingMessage, BaseMessage, BaseOutgoingMessage
from chanx.reference.identifiers import Identifiers
from chanx.reference.sections import Reference, make_reference
from chanx.routing import path
from tests.description.site import Consumer, application, describe_routes

SERVER = "ws://localhost:8000"


class Part(BaseModel):
    """What all payloads have."""

    inner: "Inner"
    text: str


class Inner(BaseModel):
    value: int


@pytest.fixture(scope="module")
def reference() -> Reference:
    return make_reference(describe(application), SERVER)


def describe_many(endpoints: int, messages: int = 5) -> Description:
    """Return a site of which every message is another class."""
    routes = []
    for number in range(endpoints):
        options: dict[str, Any] = {
            "__doc__": "Does something.\n\nAnd says more.",
            "authentication_classes": (SessionAuthentication, TokenAuthentication),
        }
        for way, base in (("INCOMING", BaseIncomingMessage), ("OUTGOING", BaseOutgoingMessage)):
            union: Any = None
            for each in range(messages):
                name = f"{way.title()}{number}x{each}"
                payload: Any = create_model(f"{name}Payload", part=(Part, ...), count=(int, 0))
                action: Any = Literal[f"do_{each}"]
                fields: dict[str, Any] = {"action": (action, ...), "payload": (payload, ...)}
                model: Any = create_model(name, __base__=BaseMessage, **fields)
                union = model if union is None else union | model
            container: Any = create_model(f"{way}{number}", __base__=base, message=(union, ...))
            options[f"{way}_MESSAGE_SCHEMA"] = container
        consumer: Any = type(f"Consumer{number}", (Consumer,), options)
        routes.append(path(f"things{number}/<int:pk>/", consumer.as_asgi()))
    return describe_routes(*routes)


def test_messages_go_the_way_of_the_client(reference: Reference) -> None:
    drawing = reference.endpoints[0]
    assert [each.actions for each in drawing.sent] == [("ping",), ("draw",), ("erase", "wipe")]
    assert {each.way for each in drawing.sent} == {"send"}
    assert [each.actions[0] for each in drawing.received] == ["pong", "draw", "drawn"]
    assert [each.source for each in drawing.received] == ["consumer", "consumer", "group"]


def test_messages_of_chanx_are_described_once(reference: Reference) -> None:
    drawing = reference.endpoints[0]
    assert [each.actions[0] for each in drawing.standard_sent] == ["authenticate", "pong"]
    listed = [
        each
        for endpoint in reference.endpoints
        for each in (*endpoint.standard_sent, *endpoint.standard_received)
    ]
    assert len(listed) > len(reference.standard)
    assert {each.id for each in listed} == {each.id for each in reference.standard}
    assert [each.way for each in reference.standard] == ["send"] * 2 + ["receive"] * 6


def test_ways_in_are_grouped(reference: Reference) -> None:
    rows = reference.endpoints[0].security
    assert [(each.label, [where for where, _ in each.ways]) for each in rows] == [
        ("Session", ["cookie sessionid"]),
        ("Token", ["header Authorization", "subprotocol", "query string", "first message"]),
        (
            "JSON Web Token",
            ["header Authorization", "subprotocol", "query string", "first message"],
        ),
        ("User name and password", ["header Authorization"]),
        ("StampAuthentication", [""]),
    ]


def test_parameters_say_what_fits(reference: Reference) -> None:
    [code, *_] = reference.endpoints[4].parameters
    assert (code.name, code.type, code.description) == ("code", "string", ())
    assert [fact.values for fact in code.facts] == [(r"^(?:[A-Z]{3}\d+)$",)]
    assert [(each.text, each.is_code) for each in reference.endpoints[1].path_parts] == [
        ("/ws/drawings/", False),
        ("{name}", True),
        ("/", False),
    ]


def test_consumers_of_others_have_an_address_only(reference: Reference) -> None:
    plain = reference.endpoints[-1]
    assert plain.url == "ws://localhost:8000/ws/plain/"
    assert [plain.sent, plain.received, plain.snippets, plain.security] == [()] * 4


def test_only_schemas_that_links_lead_to_are_listed(reference: Reference) -> None:
    assert [each.title for each in reference.schemas] == ["Node (received)", "Node (sent)"]


def test_same_message_has_another_identifier_on_each_endpoint(reference: Reference) -> None:
    found = [
        message.id
        for endpoint in reference.endpoints
        for message in (*endpoint.sent, *endpoint.received)
    ]
    assert len(found) == len(set(found))
    assert "endpoint-drawing-by-name-send-draw" in found


def test_identifiers_are_made_of_any_name() -> None:
    ids = Identifiers()
    names = ["a b", "a-b", "größe", "<b>", "...", "", "", "a b"]
    assert [ids.make(name, "x") for name in names] == [
        "x-a-b",
        "x-a-b-2",
        "x-größe",
        "x-b",
        "x-...",
        "x-unnamed",
        "x-unnamed-2",
        "x-a-b-3",
    ]


def test_message_without_a_schema_says_why() -> None:
    description = describe_many(1)
    [endpoint] = description.endpoints
    bare = replace(endpoint.incoming[0], schema=None, examples=(), problems=("has none",))
    endpoint = replace(endpoint, incoming=(bare, *endpoint.incoming[1:]))
    found = make_reference(replace(description, endpoints=(endpoint,)), SERVER).endpoints[0].sent[0]
    assert (found.rows, found.examples, found.problems) == ((), (), ("has none",))


def test_few_messages_are_open_and_unfold_in_place() -> None:
    reference = make_reference(describe_many(2), SERVER)
    message = reference.endpoints[0].sent[0]
    assert message.is_open
    [part] = [each for each in message.rows[1].children if each.name == "part"]
    assert [each.name for each in part.children] == ["inner", "text"]
    assert reference.schemas == ()


def share_messages(description: Description, count: int) -> Description:
    """Give so many endpoints the messages of the only one, and the last a message of its own."""
    [first] = description.endpoints
    own = replace(first.incoming[0], path="own.Message")
    endpoints = [replace(first, name=f"place{each}") for each in range(count)]
    endpoints[-1] = replace(first, name="last", incoming=(own, *first.incoming))
    return replace(description, endpoints=tuple(endpoints))


@pytest.mark.usefixtures("page_settings")
def test_long_page_shows_what_endpoints_share_once() -> None:
    short = make_reference(share_messages(describe_many(1), 14), SERVER)
    assert (short.shared, len(short.endpoints[0].sent)) == ((), 5)
    long = make_reference(share_messages(describe_many(1), 15), SERVER)
    assert len(long.shared) == 10
    first, last = long.endpoints[0], long.endpoints[-1]
    assert (first.sent, first.received) == ((), ())
    assert (*first.shared_sent, *first.shared_received) == long.shared
    assert [each.id for each in last.sent] == ["endpoint-last-send-do_0"]
    html = render_to_string("chanx/reference.html", {"reference": long, "links": {}})
    assert html.count('id="message-send-do_0"') == 1
    assert html.count('href="#message-send-do_0"') == 15 + 1  # its own anchor


@pytest.mark.usefixtures("page_settings")
def test_page_of_a_hundred_endpoints_stays_usable() -> None:
    reference = make_reference(describe_many(100), SERVER)
    assert sum(len(each.sent) + len(each.received) for each in reference.endpoints) == 1000
    message = reference.endpoints[0].sent[0]
    assert not message.is_open
    [part] = [each for each in message.rows[1].children if each.name == "part"]
    assert (part.link, part.children) == ("schema-Part", ())
    assert {each.title for each in reference.schemas} == {"Part", "Inner"}
    html = render_to_string("chanx/reference.html", {"reference": reference, "links": {}})
    assert len(html) < 4_000_000  # characters
