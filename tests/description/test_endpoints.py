"""The description of all endpoints."""

from dataclasses import FrozenInstanceError
from typing import Any, Literal, Optional, Union

import pytest
from channels.routing import URLRouter
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.urls import path as django_path
from jsonschema import Draft202012Validator
from pydantic import BaseModel, RootModel, create_model, model_validator
from rest_framework.authentication import SessionAuthentication, TokenAuthentication

from chanx.description import documented
from chanx.description.endpoints import Description, Endpoint, describe, describe_site
from chanx.engine.codec import get_decoder
from chanx.generic.authenticator import AuthenticationResult, ChanxWebsocketAuthenticator
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.routing import path, re_path
from chanx.utils.settings import settings_context
from tests.description import site
from tests.description.site import (
    Consumer,
    DrawingConsumer,
    GroupOutgoing,
    OldConsumer,
    Outgoing,
    as_asgi,
    describe_routes,
)

pytestmark = pytest.mark.usefixtures("site_settings")


def find(description: Description, name: str) -> Endpoint:
    (found,) = (each for each in description.endpoints if each.name == name)
    return found


def describe_one(consumer: Any, **attributes: Any) -> Endpoint:
    made = type(consumer.__name__, (consumer,), attributes) if attributes else consumer
    (endpoint,) = describe_routes(path("a/", as_asgi(made))).endpoints
    return endpoint


def get_actions(endpoint: Endpoint, way: str) -> dict[Any, str]:
    return {action: each.source for each in getattr(endpoint, way) for action in each.actions}


# --- routes ---------------------------------------------------------------------------------------


def test_endpoints_come_in_the_order_of_the_routes_and_have_names_of_their_own() -> None:
    found = describe_site()
    assert [(each.name, each.path) for each in found.endpoints] == [
        ("DrawingConsumer", "/ws/drawings/{number}/{key}/"),
        ("drawing by name", "/ws/drawings/{name}/"),
        ("OldConsumer_ws_old_rest", "/ws/old/{rest}"),
        ("größe ändern", "/ws/alt/{größe}/"),
        ("OldConsumer_ws_codes_code_arg1_arg2", "/ws/codes/{code}/{arg1}/{arg2}/"),
        ("PlainConsumer", "/ws/plain/"),
    ]


def test_routes_that_differ_in_nothing_readable_have_numbers() -> None:
    consumer = as_asgi(OldConsumer)
    found = describe_routes(path("a/", consumer), path("a", consumer), path("a_", consumer))
    assert [each.name for each in found.endpoints] == [
        "OldConsumer_a",
        "OldConsumer_a_2",
        "OldConsumer_a_3",
    ]


def test_parameters_have_types_patterns_and_examples() -> None:
    found = describe_site()
    parameters = [each for one in found.endpoints for each in one.parameters]
    assert {
        each.name: (each.converter, each.schema["type"], each.example) for each in parameters
    } == {
        "number": ("int", "integer", "1"),
        "key": ("uuid", "string", "5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f"),
        "name": ("slug", "string", "example"),
        "rest": ("path", "string", "some/path"),
        "größe": ("string", "string", "example"),
        "code": (None, "string", "AAA1"),
        "arg1": (None, "string", "1"),
        "arg2": (None, "string", "a"),
    }
    for each in parameters:
        value: Any = int(each.example or "") if each.converter == "int" else each.example
        Draft202012Validator(each.schema).validate(value)


def test_braces_of_a_path_are_no_parameters() -> None:
    (endpoint,) = describe_routes(path("a{b}/", as_asgi(OldConsumer))).endpoints
    assert (endpoint.path, endpoint.parameters) == ("/a%7Bb%7D/", ())


def test_parameter_in_a_part_that_need_not_be_there_is_left_out() -> None:
    (endpoint,) = describe_routes(re_path(r"^a/(?:(?P<b>\d+)/)?$", as_asgi(OldConsumer))).endpoints
    assert (endpoint.path, endpoint.parameters) == ("/a/", ())


def test_consumer_that_is_not_of_chanx_is_listed_as_such() -> None:
    endpoint = find(describe_site(), "PlainConsumer")
    assert endpoint.consumer == "tests.description.site.PlainConsumer"
    assert not endpoint.is_described
    assert endpoint.summary == "Not of chanx."
    assert (endpoint.incoming, endpoint.outgoing, endpoint.security) == ((), (), ())


async def application_of_starlette(scope: Any, receive: Any, send: Any) -> None:
    """Of no library.

    It serves itself.
    """


def test_what_is_no_consumer_is_listed_as_such() -> None:
    (endpoint,) = describe_routes(path("a/", application_of_starlette)).endpoints
    assert endpoint.consumer == f"{__name__}.application_of_starlette"
    assert (endpoint.name, endpoint.is_described) == ("application_of_starlette", False)
    assert (endpoint.summary, endpoint.description) == ("Of no library.", "It serves itself.")


def test_route_to_a_class_is_listed_with_what_is_wrong() -> None:
    consumer: Any = OldConsumer
    found = describe_routes(django_path("a/", consumer))
    assert found.problems[0].endswith("nobody can connect: write OldConsumer.as_asgi() in it")


def test_route_that_is_no_regular_expression_is_named() -> None:
    found = describe_routes(
        re_path(r"^ws/(?P<n>\p)$", as_asgi(OldConsumer)), path("b/", as_asgi(OldConsumer))
    )
    assert len(found.endpoints) == 2
    assert any("it is no regular expression (bad escape" in each for each in found.problems)


def test_nothing_served_is_an_empty_description() -> None:
    assert describe(URLRouter([])) == Description(())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "ASGI_APPLICATION is not set"),
        ("tests.nowhere.application", r"'tests.nowhere.application' cannot be loaded: .*nowhere"),
        ("tests.description.site.nothing", "cannot be loaded: .*nothing"),
        ("tests.description.broken_site.application", "cannot be loaded: .*'Rooom'"),
    ],
)
def test_application_that_cannot_be_imported_is_named(value: Any, text: str) -> None:
    with (
        override_settings(ASGI_APPLICATION=value),
        pytest.raises(ImproperlyConfigured, match=text),
    ):
        describe_site()


# --- query ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("camelize", [False, True])
def test_query_is_an_object_that_refers_to_nothing(camelize: bool) -> None:
    with settings_context(CAMELIZE=camelize):
        found = describe_site()
    query = find(found, "DrawingConsumer").query
    assert query is not None
    assert list(query["properties"]) == ["since_version", "colour", "layer[]"]
    assert query["required"] == ["layer[]"]
    assert query["properties"]["since_version"] == {
        "default": 0,
        "description": "Changes after this version <i>.",
        "minimum": 0,
        "type": "integer",
    }
    assert query["properties"]["colour"]["anyOf"][0]["enum"] == ["red", "blue"]
    assert "$ref" not in str(query)
    Draft202012Validator(query).validate({"since_version": 3, "layer[]": ["a"]})
    assert find(found, "PlainConsumer").query is None


class Endless(BaseModel):
    """Holds itself."""

    inner: Optional["Endless"] = None


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (Endless, "its query Endless has no JSON Schema (ValueError: Endless holds itself)"),
        (RootModel[int], "its query RootModel[int] has no JSON Schema (ValueError: it has no"),
    ],
)
def test_query_that_cannot_be_described_is_a_problem(model: Any, text: str) -> None:
    consumer = documented(query=model)(type("Queried", (Consumer,), {}))
    endpoint = describe_one(consumer)
    assert endpoint.query is None
    assert endpoint.problems[0].startswith(text)
    assert endpoint.incoming


# --- who gets in ----------------------------------------------------------------------------------


class Deciding(ChanxWebsocketAuthenticator):
    """Lets in whoever has a ticket."""

    async def authenticate(self, scope: Any) -> AuthenticationResult:
        """Look for the ticket."""
        return AuthenticationResult(True, 200, "OK")


def test_authenticator_that_asks_no_classes_is_the_only_way_in() -> None:
    endpoint = describe_one(DrawingConsumer, authenticator_class=Deciding, token_transports=())
    assert [(each.name, each.kind) for each in endpoint.security] == [("Deciding", "custom")]
    assert not endpoint.needs_login
    assert "authenticate" not in get_actions(endpoint, "incoming")


@pytest.mark.parametrize(
    ("attributes", "is_taken"),
    [
        ({"authentication_classes": (TokenAuthentication,)}, True),
        ({"authentication_classes": (TokenAuthentication,), "token_transports": ()}, False),
        ({"authentication_classes": (SessionAuthentication,)}, False),
        ({"authenticator_class": Deciding, "token_transports": ("message",)}, True),
    ],
)
def test_authenticate_message_is_listed_where_tokens_are_taken(
    attributes: Any, is_taken: bool
) -> None:
    endpoint = describe_one(Consumer, **attributes)
    assert ("authenticate" in get_actions(endpoint, "incoming")) is is_taken


def test_no_first_message_where_refusals_come_before_it() -> None:
    classes = {"authentication_classes": (TokenAuthentication,)}
    early = type("Early", (Consumer,), classes)
    application = as_asgi(early)  # which would say that both cannot be
    with settings_context(TOKEN_TRANSPORTS=["header", "message"], REFUSE_BEFORE_ACCEPT=True):
        endpoint = describe(URLRouter([path("a/", application)])).endpoints[0]
    assert [each.location for each in endpoint.security] == ["header"]


# --- texts ----------------------------------------------------------------------------------------


def test_texts_come_from_the_docstring_or_the_decorator() -> None:
    found = describe_site()
    drawing = find(found, "DrawingConsumer")
    assert drawing.summary == "A drawing that many work at."
    assert drawing.description == 'With <script>alert("docs")</script> in its *description*.'
    assert drawing.tags == ("drawing", "größe <b>")
    assert not drawing.is_deprecated
    old = find(found, "größe ändern")
    assert (old.summary, old.description) == ("An old one", "Use the other.")
    assert old.is_deprecated


def test_docstring_of_a_base_serves_but_not_that_of_chanx() -> None:
    class Documented(Consumer):
        """Says it."""

    assert describe_one(Documented, nothing=1).summary == "Says it."
    assert describe_one(Consumer, nothing=1).summary == ""


# --- messages -------------------------------------------------------------------------------------


def test_messages_come_with_those_of_chanx_that_the_settings_bring() -> None:
    drawing = find(describe_site(), "DrawingConsumer")
    assert get_actions(drawing, "incoming") == {
        "ping": "consumer",
        "draw": "consumer",
        "erase": "consumer",
        "wipe": "consumer",
        "authenticate": "chanx",
        "pong": "chanx",
    }
    assert get_actions(drawing, "outgoing") == {
        "pong": "consumer",
        "draw": "consumer",
        "drawn": "group",
        "authentication": "chanx",
        "error": "chanx",
        "complete": "chanx",
        "group_complete": "chanx",
        "dropped": "chanx",
        "ping": "chanx",
    }
    assert drawing.outgoing_is_complete
    assert drawing.needs_login
    assert drawing.subprotocols == ("chanx", "chanx.heartbeat")


async def build_groups(self: Any) -> list[str]:
    return ["all"]


@pytest.mark.parametrize(
    ("attributes", "is_complete"),
    [
        ({}, False),
        ({"OUTGOING_MESSAGE_SCHEMA": Outgoing}, True),
        ({"OUTGOING_GROUP_MESSAGE_SCHEMA": GroupOutgoing}, False),
        # What is sent to groups, and not listed, arrives too.
        ({"OUTGOING_MESSAGE_SCHEMA": Outgoing, "groups": ["all"]}, False),
        ({"OUTGOING_MESSAGE_SCHEMA": Outgoing, "build_groups": build_groups}, False),
        (
            {
                "OUTGOING_MESSAGE_SCHEMA": Outgoing,
                "OUTGOING_GROUP_MESSAGE_SCHEMA": GroupOutgoing,
                "groups": ["all"],
            },
            True,
        ),
    ],
)
def test_whether_a_consumer_says_all_that_it_sends(attributes: Any, is_complete: bool) -> None:
    assert describe_one(Consumer, **attributes).outgoing_is_complete is is_complete


def test_messages_of_chanx_that_are_never_sent_are_left_out() -> None:
    endpoint = describe_one(Consumer, heartbeat_interval=None, send_authentication_message=False)
    assert get_actions(endpoint, "incoming").keys() == {"ping", "draw", "erase", "wipe"}
    assert get_actions(endpoint, "outgoing") == {"error": "chanx"}
    assert not endpoint.outgoing_is_complete
    assert endpoint.subprotocols == ("chanx",)


@pytest.mark.parametrize(("key", "camelize"), [("action", False), ("type", False), ("type", True)])
def test_every_example_validates(key: str, camelize: bool) -> None:
    with settings_context(MESSAGE_ACTION_KEY=key, CAMELIZE=camelize):
        found = describe_site()
    assert found.action_key == key
    checked = 0
    for endpoint in found.endpoints:
        for message in (*endpoint.incoming, *endpoint.outgoing):
            assert message.schema
            schema = {**found.definitions[message.schema], "$defs": found.definitions}
            assert message.examples, message.name
            for example in message.examples:
                Draft202012Validator(schema).validate(example.content)
                assert example.content[key] in message.actions
                checked += 1
    assert checked > 50
    drawing = find(found, "DrawingConsumer")
    decoder = get_decoder(site.Incoming, key, camelize)
    for message in drawing.incoming:
        if message.source == "consumer":
            for example in message.examples:
                decoder.decode_content(example.content)


def test_camelize_reaches_schemas_and_examples() -> None:
    with settings_context(MESSAGE_ACTION_KEY="type", CAMELIZE=True):
        found = describe_site()
    drawing = find(found, "DrawingConsumer")
    drawn = next(each for each in drawing.outgoing if each.name == "DrawnMessage")
    assert list(found.definitions["DrawnMessage"]["properties"]) == [
        "type",
        "payload",
        "isMine",
        "isCurrent",
    ]
    assert drawn.examples[0].content["payload"]["shape"] == {"kind": "circle", "radiusInMm": 1.0}
    assert drawn.examples[0].content["isMine"] is False


def test_examples_of_the_author_come_first_and_wrong_ones_are_named() -> None:
    drawing = find(describe_site(), "DrawingConsumer")
    erase = next(each for each in drawing.incoming if each.name == "EraseMessage")
    assert [each.content["action"] for each in erase.examples] == ["erase", "wipe"]
    assert [each.name for each in erase.examples] == ["erase 1", "erase 2"]
    assert erase.problems == (
        "EraseMessage has an example (number 3) that does not validate, see payload: correct it",
    )


def test_problems_are_named_with_their_consumer_and_once() -> None:
    assert describe_site().problems == (
        "tests.description.site.DrawingConsumer: EraseMessage has an example (number 3) that does "
        "not validate, see payload: correct it",
        "tests.description.site.OldConsumer: EraseMessage has an example (number 3) that does not "
        "validate, see payload: correct it",
    )


def test_message_without_a_schema_is_named_and_not_dropped() -> None:
    class Broken(BaseMessage):
        action: Literal["broken"] = "broken"
        payload: Any = None

        @classmethod
        def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> Any:
            raise LookupError("not today")

    class Container(BaseIncomingMessage):
        message: Broken

    endpoint = describe_one(Consumer, INCOMING_MESSAGE_SCHEMA=Container)
    message = endpoint.incoming[0]
    assert (message.name, message.schema, message.examples) == ("Broken", None, ())
    assert message.problems == ("Broken has no JSON Schema (LookupError: not today)",)


def test_message_that_takes_nothing_has_no_example_and_says_so() -> None:
    class Never(BaseMessage):
        action: Literal["never"] = "never"
        payload: int

        @model_validator(mode="after")
        def refuse(self) -> "Never":
            raise ZeroDivisionError

    class Container(BaseIncomingMessage):
        message: Never

    message = describe_one(Consumer, INCOMING_MESSAGE_SCHEMA=Container).incoming[0]
    assert message.schema == "Never"
    assert message.examples == ()
    assert "Never has no example" in message.problems[0]
    assert "json_schema_extra" in message.problems[0]


def test_union_of_fifty_messages() -> None:
    make: Any = create_model  # whose types do not allow what is known at run time only
    messages = [
        make(
            f"Number{number}",
            __base__=BaseMessage,
            action=(Literal[f"number_{number}"], ...),
            payload=(int, number),
        )
        for number in range(50)
    ]
    container = make(
        "Fifty",
        __base__=BaseIncomingMessage,
        message=(Union[tuple(messages)], ...),  # noqa: UP007  # of what is known at run time only
    )
    endpoint = describe_one(Consumer, INCOMING_MESSAGE_SCHEMA=container)
    own = [each for each in endpoint.incoming if each.source == "consumer"]
    assert [each.examples[0].content for each in own] == [
        {"action": f"number_{number}", "payload": number} for number in range(50)
    ]


def test_consumer_that_does_not_work_is_a_problem() -> None:
    application = as_asgi(type("Odd", (Consumer,), {}))
    application.consumer_class.INCOMING_MESSAGE_SCHEMA = dict
    endpoint, other = describe_routes(
        path("a/", application), path("b/", as_asgi(DrawingConsumer))
    ).endpoints
    assert "cannot be read" in endpoint.problems[0]
    assert "manage.py check" in endpoint.problems[0]
    assert other.incoming


def test_description_cannot_change() -> None:
    endpoint: Any = describe_site().endpoints[0]
    with pytest.raises(FrozenInstanceError):
        endpoint.name = "other"
