"""The error texts that the pages quote are those that the code gives."""

import os
import sys
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Literal
from unittest.mock import patch

import pytest
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, channel_layers
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from rest_framework.permissions import AllowAny, BasePermission

from chanx.asyncapi.renderers import render_yaml
from chanx.checks import check_settings
from chanx.description.endpoints import describe_site
from chanx.engine.connection import Problem
from chanx.engine.events import GroupEvent
from chanx.generic.handshake import Handshake
from chanx.generic.problems import find_problems
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.integrations.channel_layer import ChannelLayerBroker
from chanx.messages.base import (
    BaseGroupMessage,
    BaseIncomingMessage,
    BaseMessage,
    BaseOutgoingGroupMessage,
)
from chanx.messages.incoming import IncomingMessage, PingMessage
from chanx.routing import include
from chanx.settings import chanx_settings
from chanx.testing import WebsocketCommunicator, WebsocketTestCase
from tests.docs.pages import DOCS


class Base(AsyncJsonWebsocketConsumer[Any]):
    """Lets everybody in."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    INCOMING_MESSAGE_SCHEMA = IncomingMessage

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Do nothing."""


class RenamedMessage(BaseGroupMessage):
    """Not in the container."""

    action: Literal["renamed"] = "renamed"
    payload: Any = None


class DeletedMessage(BaseGroupMessage):
    """In the container."""

    action: Literal["deleted"] = "deleted"
    payload: Any = None


class TicketOutgoing(BaseOutgoingGroupMessage):
    """Holds one of the two."""

    group_message: DeletedMessage


class IsAssignee(BasePermission):
    """Looks at objects."""

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        """Say yes."""
        return True


class TicketTest(WebsocketTestCase):
    """Has neither a path nor an application."""

    def runTest(self) -> None:
        """Do nothing."""


def make_consumer(name: str, **attributes: Any) -> Any:
    return type(name, (Base,), attributes)


# --- messages --------------------------------------------------------------------------------


def define_message_without_action() -> None:
    class Say(BaseMessage):
        payload: str


def define_message_without_literal() -> None:
    class Say(BaseMessage):
        action: str = "say"


def define_empty_container() -> None:
    class Incoming(BaseIncomingMessage):
        pass


def define_container_of_int() -> None:
    class Incoming(BaseIncomingMessage):
        message: int


def define_an_action_twice() -> None:
    class Say(BaseMessage):
        action: Literal["say"] = "say"

    class Shout(BaseMessage):
        action: Literal["say"] = "say"

    class Incoming(BaseIncomingMessage):
        message: Say | Shout


# --- consumers -------------------------------------------------------------------------------


def set_no_schema() -> None:
    make_consumer("LobbyConsumer", INCOMING_MESSAGE_SCHEMA=None).as_asgi()


def set_a_message_as_schema() -> None:
    make_consumer("LobbyConsumer", INCOMING_MESSAGE_SCHEMA=PingMessage).as_asgi()


def write_no_method() -> None:
    class LobbyConsumer(AsyncJsonWebsocketConsumer[Any]):
        INCOMING_MESSAGE_SCHEMA = IncomingMessage

    LobbyConsumer.as_asgi()


def return_a_string() -> None:
    async def build_groups(self: Any) -> str:
        return "lobby"

    consumer = make_consumer("LobbyConsumer", build_groups=build_groups)()
    driver: Any = SimpleNamespace(begun=0.0)  # it does not come to more
    async_to_sync(Handshake(consumer, driver)._join)()


def forget_queryset() -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make_consumer("TicketConsumer", permission_classes=[IsAssignee]).as_asgi()
    return str(caught[0].message)


def forget_the_layer() -> str:
    consumer = make_consumer("LobbyConsumer", channel_layer_alias="none", groups=["lobby"])
    [problem] = find_problems(consumer)
    return f"`chanx.{problem.id}` ... `{problem.text}`".replace("'none'", "'default'")


def run_handler(
    handler: Callable[[Any], Any], name: str = "TicketConsumer", **attributes: Any
) -> None:
    """Raise what a handler raised when a ping came."""
    raised: list[Exception] = []

    async def receive_message(self: Any, message: Any, **kwargs: Any) -> None:
        try:
            await handler(self)
        except Exception as error:
            raised.append(error)

    consumer = make_consumer(name, receive_message=receive_message, **attributes)

    async def run() -> None:
        client = WebsocketCommunicator(consumer.as_asgi(), "/")
        await client.connect()
        await client.assert_authenticated_status_ok()
        await client.send_message(PingMessage())
        await client.receive_all_json()
        await client.disconnect()

    async_to_sync(run)()
    raise raised[0]


def send_not_a_number() -> None:
    run_handler(lambda self: self.send_json(float("nan")))


def send_what_is_not_in_the_schema() -> None:
    run_handler(
        lambda self: self.send_group_message(RenamedMessage()),
        OUTGOING_GROUP_MESSAGE_SCHEMA=TicketOutgoing,
    )


def send_to_a_string() -> None:
    run_handler(lambda self: self.send_to_groups({}, "lobby"))


def send_a_text_with_flags() -> None:
    run_handler(lambda self: self.send_to_groups("Hello", kind="message"))


def send_without_a_layer() -> None:
    backends: dict[str, Any] = {"default": None}
    with patch.object(channel_layers, "backends", backends):
        run_handler(lambda self: self.send_to_groups({}), "LobbyConsumer")


# --- layers ----------------------------------------------------------------------------------


class FrozenLayer(InMemoryChannelLayer):
    """Raises what a deadline raises."""

    async def group_send(self, group: str, message: Any) -> None:
        """Never answer."""
        raise TimeoutError


@async_to_sync
async def wait_for_the_layer() -> None:
    await ChannelLayerBroker(FrozenLayer()).publish("group", {})


def publish_a_malformed_event() -> str:
    with pytest.raises(ValueError, match="needs") as caught:
        GroupEvent.from_dict({"type": "send_group_member"})
    return str(caught.value).partition("type 'send_group_member' ")[2].partition(",")[0]


# --- settings, routes, test tools ------------------------------------------------------------


def misspell_a_setting() -> str:
    with override_settings(CHANX={"SEND_COMPLETIONS": True}):
        [message] = check_settings()
    return f"`{message.id}`: `{message.msg}`"


def make_settings_a_list() -> str:
    with override_settings(CHANX=[]):
        [message] = check_settings()
    return f"`{message.id}`: `{message.msg}`"


def read_settings_that_are_a_list() -> None:
    with override_settings(CHANX=[]):
        assert chanx_settings.CAMELIZE


def read_an_unknown_setting() -> str:
    with pytest.raises(AttributeError) as caught:
        assert chanx_settings.NOPE
    return f"AttributeError: {caught.value}".partition(", ")[0]


def include_a_module_without_router() -> str:
    with pytest.raises(TypeError) as caught:
        include(os)
    return str(caught.value)


def make_a_client_without_path() -> None:
    TicketTest().create_communicator()


def make_a_client_without_application() -> None:
    with override_settings(ASGI_APPLICATION="tests.docs.test_error_texts.no_application"):
        TicketTest().create_communicator(ws_path="/")


no_application = object()


@async_to_sync
async def be_refused() -> None:
    client = WebsocketCommunicator(
        make_consumer("Refusing", permission_classes=(~AllowAny,)).as_asgi(), "/"
    )
    await client.connect()
    try:
        await client.assert_authenticated_status_ok()
    finally:
        await client.disconnect()


# --- documentation ---------------------------------------------------------------------------


def forget_pyyaml() -> str:
    with (
        patch.dict(sys.modules, {"yaml": None}),
        pytest.raises(ImproperlyConfigured) as caught,
    ):
        render_yaml({})
    return f"`{caught.value}`"


def break_the_routes() -> str:
    with (
        override_settings(ASGI_APPLICATION="mysite.asgi.application"),
        pytest.raises(ImproperlyConfigured) as caught,
    ):
        describe_site()
    return str(caught.value).partition(": ")[0]


TEXTS: dict[Callable[[], Any], str] = {
    define_message_without_action: "messages",
    define_message_without_literal: "messages",
    define_empty_container: "messages",
    define_container_of_int: "messages",
    define_an_action_twice: "messages",
    send_not_a_number: "messages",
    set_no_schema: "first-consumer",
    set_a_message_as_schema: "first-consumer",
    write_no_method: "first-consumer",
    return_a_string: "first-consumer",
    forget_queryset: "authentication",
    forget_the_layer: "installation",
    include_a_module_without_router: "installation",
    send_what_is_not_in_the_schema: "groups",
    send_to_a_string: "groups",
    send_a_text_with_flags: "groups",
    send_without_a_layer: "groups",
    wait_for_the_layer: "groups",
    publish_a_malformed_event: "groups",
    misspell_a_setting: "settings",
    make_settings_a_list: "settings",
    read_settings_that_are_a_list: "settings",
    read_an_unknown_setting: "settings",
    forget_pyyaml: "documentation",
    break_the_routes: "documentation",
    make_a_client_without_path: "testing",
    make_a_client_without_application: "testing",
    be_refused: "testing",
}


@pytest.mark.parametrize(
    ("provoke", "page"), TEXTS.items(), ids=lambda value: getattr(value, "__name__", None)
)
def test_text_is_quoted_as_it_is(provoke: Callable[[], Any], page: str) -> None:
    try:
        text = provoke()
        assert isinstance(text, str), "Nothing was raised"
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
    assert text in (DOCS / f"{page}.md").read_text("utf-8")


@pytest.mark.parametrize("problem", Problem)
def test_reasons_for_closing_are_quoted(problem: Problem) -> None:
    assert f"`{problem.value}`" in (DOCS / "errors.md").read_text("utf-8")
