"""What travels over the socket, in both directions, as Pydantic models.

The history endpoint answers with the same MessagePayload, so that a page shows a message in one
way, whichever road it came.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

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
    Field(description="Plain text.", examples=["Good morning!"]),
]
ClientId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=36),
    Field(examples=["5f0c4f8e-3d0a-4b6e-9d55-0a1b2c3d4e5f"]),
]
Author = Annotated[str, Field(description="A user name.", examples=["alice"])]


# From the client


class ChatPayload(BaseModel):
    """What somebody wants to say."""

    text: MessageText
    client_id: Annotated[
        ClientId | None,
        Field(
            description="Made up by the client: tells it which message an echo belongs to, and "
            "lets it send again after a lost connection without saying the same thing twice."
        ),
    ] = None


class ChatMessage(BaseMessage):
    """Says something in the room.

    It is saved first, and then told to everybody in the room, the sender included.
    """

    action: Literal["chat"] = "chat"
    payload: ChatPayload


class TypingMessage(BaseMessage):
    """Tells the others that somebody is typing."""

    action: Literal["typing"] = "typing"
    payload: None = None


class RoomIncomingMessage(BaseIncomingMessage):
    """What a room takes."""

    message: PingMessage | ChatMessage | TypingMessage


# To the client alone


class RoomOutgoingMessage(BaseOutgoingMessage):
    """What a room answers to one client."""

    message: PongMessage


# To the group of a room


class MessagePayload(BaseModel):
    """A message as it is saved."""

    id: Annotated[int, Field(description="Grows: a later message has a greater one.")]
    author: Author
    text: Annotated[str, Field(examples=["Good morning!"])]
    sent_at: datetime
    client_id: Annotated[
        ClientId | None, Field(description="What its sender called it, if it did.")
    ]

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
    """Somebody has said something.

    It may come twice: clients know a message by its id.
    """

    action: Literal["chat"] = "chat"
    payload: MessagePayload


class TypingPayload(BaseModel):
    """Who is typing."""

    author: Author


class TypingGroupMessage(BaseGroupMessage):
    """Somebody is typing. Of interest for a few seconds."""

    action: Literal["typing"] = "typing"
    payload: TypingPayload


class RoomGroupMessage(BaseOutgoingGroupMessage):
    """What everybody in a room hears."""

    group_message: ChatGroupMessage | TypingGroupMessage
