"""What travels over the socket, in both directions, as Pydantic models.

The history endpoint answers with the same MessagePayload, so that a page shows a message in one
way, whichever road it came.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints

from chanx.messages.base import (
    BaseGroupMessage,
    BaseIncomingMessage,
    BaseMessage,
    BaseOutgoingGroupMessage,
    BaseOutgoingMessage,
)
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import PongMessage

from .models import MAX_TEXT_LENGTH, Message

MessageText = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=MAX_TEXT_LENGTH,
        pattern=r"^[^\x00]*$",  # PostgreSQL stores any character but this one
    ),
]


# From the client


class ChatPayload(BaseModel):
    text: MessageText
    # Made up by the client: tells it which message an echo belongs to, and lets it send again
    # after a lost connection without saying the same thing twice.
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=36)] | None = None


class ChatMessage(BaseMessage):
    action: Literal["chat"] = "chat"
    payload: ChatPayload


class TypingMessage(BaseMessage):
    action: Literal["typing"] = "typing"
    payload: None = None


class RoomIncomingMessage(BaseIncomingMessage):
    message: PingMessage | ChatMessage | TypingMessage


# To the client alone


class RoomOutgoingMessage(BaseOutgoingMessage):
    message: PongMessage


# To the group of a room


class MessagePayload(BaseModel):
    id: int
    author: str
    text: str
    sent_at: datetime
    client_id: str | None

    @classmethod
    def from_model(cls, message: Message) -> "MessagePayload":
        """Read a message whose author is loaded already: no query may happen here."""
        return cls(
            id=message.pk,
            author=message.author.get_username(),
            text=message.text,
            sent_at=message.sent_at,
            client_id=message.client_id,
        )


class ChatGroupMessage(BaseGroupMessage):
    action: Literal["chat"] = "chat"
    payload: MessagePayload


class TypingPayload(BaseModel):
    author: str


class TypingGroupMessage(BaseGroupMessage):
    action: Literal["typing"] = "typing"
    payload: TypingPayload


class RoomGroupMessage(BaseOutgoingGroupMessage):
    group_message: ChatGroupMessage | TypingGroupMessage
