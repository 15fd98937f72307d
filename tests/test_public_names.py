"""Import paths, names, defaults and JSON shapes that users rely on: they may grow, not break."""

import importlib
import inspect
import json
import subprocess
import sys
from typing import Any, Literal

import pytest
from channels.generic.websocket import AsyncJsonWebsocketConsumer as ChannelsConsumer
from channels.testing import WebsocketCommunicator as ChannelsCommunicator
from django.test import TransactionTestCase
from pydantic import BaseModel

import chanx
from chanx.codes import MEANINGS, OTHER_CODES, CloseCode, close_code_for_status
from chanx.generic.authenticator import AuthenticationResult, ChanxWebsocketAuthenticator
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import (
    BaseGroupMessage,
    BaseIncomingMessage,
    BaseMessage,
    BaseOutgoingGroupMessage,
)
from chanx.messages.incoming import IncomingMessage, PingMessage
from chanx.messages.outgoing import (
    ACTION_COMPLETE,
    GROUP_ACTION_COMPLETE,
    AuthenticationMessage,
    AuthenticationPayload,
    CompleteMessage,
    ErrorMessage,
    GroupCompleteMessage,
    PongMessage,
)
from chanx.testing import WebsocketCommunicator, WebsocketTestCase
from tests.app.models import Room

PUBLIC = {
    "chanx": {
        "Stats",
        "__version__",
        "adisconnect_user",
        "arecheck_user",
        "disconnect_user",
        "drain",
        "recheck_user",
        "stats",
        "undrain",
    },
    "chanx.admin": {"disconnect_users"},
    "chanx.codes": {"MEANINGS", "CloseCode", "close_code_for_status"},
    "chanx.description": {"documented"},
    "chanx.exceptions": {
        "BrokerError",
        "BrokerTimeout",
        "ChanxError",
        "MessageInvalid",
        "MessageNotInSchema",
        "NoChannelLayer",
    },
    "chanx.generic.authenticator": {"AuthenticationResult", "ChanxWebsocketAuthenticator"},
    "chanx.generic.websocket": {"AsyncJsonWebsocketConsumer"},
    "chanx.messages.base": {
        "BaseGroupMessage",
        "BaseIncomingMessage",
        "BaseMessage",
        "BaseOutgoingGroupMessage",
        "BaseOutgoingMessage",
    },
    "chanx.messages.incoming": {"IncomingMessage", "PingMessage"},
    "chanx.messages.outgoing": {
        "ACTION_COMPLETE",
        "AuthenticationMessage",
        "AuthenticationPayload",
        "CompleteMessage",
        "ErrorMessage",
        "GROUP_ACTION_COMPLETE",
        "GroupCompleteMessage",
        "PongMessage",
    },
    "chanx.routing": {"include", "path", "re_path"},
    "chanx.settings": {"chanx_settings"},
    "chanx.testing": {"WebsocketCommunicator", "WebsocketTestCase", "bearer_subprotocol"},
    "chanx.utils.settings": {"override_chanx_settings", "settings_context"},
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_can_be_imported(module: str) -> None:
    found = importlib.import_module(module)
    for name in PUBLIC[module]:
        assert hasattr(found, name)
    if module != "chanx":
        assert set(found.__all__) >= PUBLIC[module]


@pytest.mark.parametrize("module", PUBLIC)
def test_all_is_sorted_and_complete(module: str) -> None:
    found = importlib.import_module(module)
    names = getattr(found, "__all__", [])
    assert all(hasattr(found, name) for name in names)
    assert len(set(names)) == len(names)


def test_using_chanx_imports_neither_django_nor_channels() -> None:
    code = (
        "import sys, chanx; chanx.stats(); "
        "print(sorted({'django', 'channels', 'rest_framework'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_version_is_a_version() -> None:
    assert [part.isdigit() for part in chanx.__version__.split(".")][:2] == [True, True]


def get_parameters(function: Any) -> list[tuple[str, Any, bool]]:
    """Return name, default and whether it must be named, of each parameter."""
    return [
        (parameter.name, parameter.default, parameter.kind is parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "self"
    ]


EMPTY = inspect.Parameter.empty

# --- the consumer ---------------------------------------------------------------------------------

CONSUMER_DEFAULTS = {
    "authentication_classes": None,
    "permission_classes": None,
    "queryset": True,
    "lookup_field": "pk",
    "lookup_url_kwarg": None,
    "auth_method": "get",
    "authenticator_class": ChanxWebsocketAuthenticator,
    "send_completion": None,
    "send_message_immediately": None,
    "log_received_message": None,
    "log_sent_message": None,
    "log_ignored_actions": None,
    "send_authentication_message": None,
}


def test_attributes_of_the_consumer_have_their_defaults() -> None:
    found = {name: getattr(AsyncJsonWebsocketConsumer, name) for name in CONSUMER_DEFAULTS}
    assert found == CONSUMER_DEFAULTS
    assert not hasattr(AsyncJsonWebsocketConsumer, "INCOMING_MESSAGE_SCHEMA")
    assert not hasattr(AsyncJsonWebsocketConsumer, "OUTGOING_GROUP_MESSAGE_SCHEMA")
    assert not hasattr(AsyncJsonWebsocketConsumer, "OUTGOING_MESSAGE_SCHEMA")


def test_consumer_is_an_abstract_consumer_of_channels() -> None:
    assert issubclass(AsyncJsonWebsocketConsumer, ChannelsConsumer)
    assert inspect.isabstract(AsyncJsonWebsocketConsumer)
    assert AsyncJsonWebsocketConsumer.__abstractmethods__ == {"receive_message"}
    assert AsyncJsonWebsocketConsumer[Room].__name__ == "AsyncJsonWebsocketConsumer"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("post_authentication", []),
        ("build_groups", []),
        ("connect", []),
        ("disconnect", [("code", EMPTY, False)]),
        ("receive_message", [("message", EMPTY, False), ("kwargs", EMPTY, False)]),
        ("receive_json", [("content", EMPTY, False), ("kwargs", EMPTY, False)]),
        ("send_message", [("message", EMPTY, False)]),
        ("send_json", [("content", EMPTY, False), ("close", False, False)]),
        (
            "send_group_message",
            [
                ("message", EMPTY, False),
                ("groups", None, False),
                ("exclude_current", True, True),
                ("kind", "message", True),
            ],
        ),
        (
            "send_to_groups",
            [
                ("content", EMPTY, False),
                ("groups", None, False),
                ("exclude_current", True, True),
                ("kind", "json", True),
            ],
        ),
        ("send_group_member", [("event", EMPTY, False)]),
    ],
)
def test_methods_of_the_consumer(name: str, parameters: list[Any]) -> None:
    method = getattr(AsyncJsonWebsocketConsumer, name)
    assert inspect.iscoroutinefunction(method)
    assert get_parameters(method) == parameters


# --- the authenticator ----------------------------------------------------------------------------


def test_attributes_of_the_authenticator_have_their_defaults() -> None:
    authenticator: Any = ChanxWebsocketAuthenticator()
    assert get_parameters(ChanxWebsocketAuthenticator) == []
    for name in ("authentication_classes", "permission_classes", "lookup_url_kwarg", "request"):
        assert getattr(authenticator, name) is None
    assert (authenticator.queryset, authenticator.lookup_field) == (True, "pk")
    assert authenticator.auth_method == "get"
    assert get_parameters(authenticator.authenticate) == [("scope", EMPTY, False)]
    assert get_parameters(authenticator.validate_configuration) == []


def test_fields_of_the_result() -> None:
    assert [name for name, *_ in get_parameters(AuthenticationResult)] == [
        "is_authenticated",
        "status_code",
        "status_text",
        "data",
        "user",
        "obj",
        "headers",
        "refused_by",
    ]


# --- messages -------------------------------------------------------------------------------------


class Greeting(BaseGroupMessage):
    """A group message."""

    action: Literal["greeting"] = "greeting"
    payload: Any = None


PAYLOAD = AuthenticationPayload(status_code=200, status_text="OK", data={"detail": "OK"})


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (PingMessage(), '{"action":"ping","payload":null}'),
        (PongMessage(), '{"action":"pong","payload":null}'),
        (CompleteMessage(), '{"action":"complete","payload":null}'),
        (GroupCompleteMessage(), '{"action":"group_complete","payload":null}'),
        (
            ErrorMessage(payload={"detail": "Failed to process message"}),
            '{"action":"error","payload":{"detail":"Failed to process message"}}',
        ),
        (
            AuthenticationMessage(payload=PAYLOAD),
            '{"action":"authentication","payload":{"status_code":200,"status_text":"OK",'
            '"data":{"detail":"OK"}}}',
        ),
        (
            Greeting(),
            '{"action":"greeting","payload":null,"is_mine":false,"is_current":false}',
        ),
    ],
)
def test_messages_have_their_shape(message: BaseMessage, text: str) -> None:
    assert message.model_dump_json() == text
    assert type(message).model_validate(json.loads(text)) == message


def test_containers_have_their_fields() -> None:
    assert set(IncomingMessage.model_fields) == {"message"}
    assert IncomingMessage.model_fields["message"].annotation is PingMessage
    assert issubclass(IncomingMessage, BaseIncomingMessage)

    class Outgoing(BaseOutgoingGroupMessage):
        group_message: Greeting

    assert set(Outgoing.model_fields) == {"group_message"}
    for base in (BaseMessage, BaseIncomingMessage, BaseOutgoingGroupMessage):
        assert issubclass(base, BaseModel)


def test_constants() -> None:
    assert ACTION_COMPLETE == "complete"
    assert GROUP_ACTION_COMPLETE == "group_complete"


# --- codes ----------------------------------------------------------------------------------------


def test_close_codes() -> None:
    assert (CloseCode.TRY_AGAIN_LATER, CloseCode.INTERNAL_ERROR) == (1013, 4500)
    assert close_code_for_status(401) == 4401
    assert close_code_for_status(429) == 4429


def test_every_close_code_is_explained_in_one_sentence() -> None:
    assert {*CloseCode, *OTHER_CODES.values(), close_code_for_status(405)} <= set(MEANINGS)
    for text in MEANINGS.values():
        assert text.endswith(".")
        assert ". " not in text
    assert list(MEANINGS) == sorted(MEANINGS)


# --- test tools -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (
            WebsocketCommunicator,
            [
                ("application", EMPTY, False),
                ("path", EMPTY, False),
                ("headers", None, False),
                ("subprotocols", None, False),
                ("spec_version", None, False),
            ],
        ),
        (WebsocketCommunicator.send_message, [("message", EMPTY, False)]),
        (
            WebsocketCommunicator.receive_all_json,
            [("timeout", 5, False), ("wait_group", False, True)],
        ),
        (
            WebsocketCommunicator.receive_until_action,
            [("action", EMPTY, False), ("timeout", 5, False), ("inclusive", False, True)],
        ),
        (
            WebsocketCommunicator.wait_for_auth,
            [
                ("send_authentication_message", None, False),
                ("max_auth_time", 0.5, False),
                ("after_auth_time", 0.1, False),
            ],
        ),
        (WebsocketCommunicator.assert_authenticated_status_ok, [("max_auth_time", 0.5, False)]),
        (WebsocketCommunicator.assert_closed, [("code", None, False)]),
        (WebsocketTestCase.get_ws_headers, []),
        (WebsocketTestCase.get_subprotocols, []),
        (
            WebsocketTestCase.create_communicator,
            [
                ("router", None, True),
                ("ws_path", None, True),
                ("headers", None, True),
                ("subprotocols", None, True),
            ],
        ),
    ],
)
def test_signatures_of_the_test_tools(method: Any, parameters: list[Any]) -> None:
    assert get_parameters(method) == parameters


@pytest.mark.parametrize(
    "name", ["connect", "send_to", "send_json_to", "receive_from", "disconnect"]
)
def test_communicator_is_called_as_that_of_channels(name: str) -> None:
    theirs = get_parameters(getattr(ChannelsCommunicator, name))
    assert get_parameters(getattr(WebsocketCommunicator, name)) == theirs


def test_test_case_has_its_defaults() -> None:
    assert issubclass(WebsocketTestCase, TransactionTestCase)
    assert WebsocketTestCase.ws_path == ""
    assert WebsocketTestCase.router is None
    assert isinstance(WebsocketTestCase.auth_communicator, property)
