"""The messages that the guide names, and the containers that say which endpoint knows which."""

from typing import Any, Literal

from chanx.messages.base import (
    BaseGroupMessage,
    BaseIncomingMessage,
    BaseMessage,
    BaseOutgoingGroupMessage,
)
from chanx.messages.incoming import PingMessage


class ChatMessage(BaseMessage):
    """What somebody says."""

    action: Literal["chat"] = "chat"
    payload: str


class ChatResponse(BaseMessage):
    """What the server answers to it."""

    action: Literal["chat_response"] = "chat_response"
    payload: str


class ChatIncomingMessage(BaseIncomingMessage):
    """A client may chat, and ask for a sign of life."""

    message: ChatMessage | PingMessage


class MyMessage(BaseMessage):
    """A message to one client."""

    action: Literal["mine"] = "mine"
    payload: Any = None


class GroupMessage(BaseGroupMessage):
    """A message to all clients of a group."""

    action: Literal["group"] = "group"
    payload: Any = None


class SuccessMessage(BaseMessage):
    """Something worked."""

    action: Literal["success"] = "success"
    payload: Any = None


class MyIncomingMessage(BaseIncomingMessage):
    """What `ConfiguredConsumer` takes."""

    message: ChatMessage | PingMessage


class MyOutgoingGroupMessage(BaseOutgoingGroupMessage):
    """What `ConfiguredConsumer` sends to its groups."""

    group_message: GroupMessage
