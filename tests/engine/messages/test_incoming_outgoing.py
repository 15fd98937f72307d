"""The messages that chanx itself knows."""

from typing import Any

import pytest
from pydantic import ValidationError

from chanx.messages import incoming, outgoing
from chanx.messages.base import BaseMessage, get_actions
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


def test_public_names() -> None:
    assert set(incoming.__all__) == {
        "AuthenticateMessage",
        "AuthenticatePayload",
        "IncomingMessage",
        "PingMessage",
    }
    assert set(outgoing.__all__) == {
        "ACTION_COMPLETE",
        "GROUP_ACTION_COMPLETE",
        "AuthenticationMessage",
        "AuthenticationPayload",
        "CompleteMessage",
        "DroppedMessage",
        "DroppedPayload",
        "ErrorMessage",
        "GroupCompleteMessage",
        "PongMessage",
    }


def test_default_container_knows_ping_only() -> None:
    assert get_actions(IncomingMessage) == {"ping": PingMessage}


def test_actions_have_names() -> None:
    assert (ACTION_COMPLETE, GROUP_ACTION_COMPLETE) == ("complete", "group_complete")
    assert CompleteMessage().action == ACTION_COMPLETE
    assert GroupCompleteMessage().action == GROUP_ACTION_COMPLETE


@pytest.mark.parametrize(
    ("model", "action"),
    [
        (PingMessage, "ping"),
        (PongMessage, "pong"),
        (ErrorMessage, "error"),
        (CompleteMessage, "complete"),
        (GroupCompleteMessage, "group_complete"),
    ],
)
def test_message_needs_no_arguments_and_takes_any_payload(
    model: type[BaseMessage], action: str
) -> None:
    fields: dict[str, Any] = {}
    assert model(**fields).model_dump() == {"action": action, "payload": None}
    assert model(**fields, payload=[{"type": "missing"}]).payload == [{"type": "missing"}]
    with pytest.raises(ValidationError):
        model(**fields, action="another")


def test_authentication_says_how_it_ended() -> None:
    payload = AuthenticationPayload(status_code=401, status_text="Unauthorized")
    assert AuthenticationMessage(payload=payload).model_dump() == {
        "action": "authentication",
        "payload": {"status_code": 401, "status_text": "Unauthorized", "data": None},
    }
    with pytest.raises(ValidationError):
        AuthenticationMessage.model_validate({})
    with pytest.raises(ValidationError):
        AuthenticationMessage.model_validate({"payload": {"status_code": 200}})
