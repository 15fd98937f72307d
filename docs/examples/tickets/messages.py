from datetime import datetime
from typing import Annotated, Literal

from chanx.messages.base import (
    BaseGroupMessage,
    BaseIncomingMessage,
    BaseMessage,
    BaseOutgoingGroupMessage,
)
from chanx.messages.incoming import PingMessage
from pydantic import BaseModel, StringConstraints


# region: incoming
class Comment(BaseModel):
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    is_internal: bool = False


class CommentMessage(BaseMessage):
    action: Literal["comment"] = "comment"
    payload: Comment


class TypingMessage(BaseMessage):
    action: Literal["typing"] = "typing"
    payload: None = None


class TicketIncoming(BaseIncomingMessage):
    message: PingMessage | CommentMessage | TypingMessage


# endregion: incoming
# region: outgoing
class Commented(BaseModel):
    author: str
    text: str
    written_at: datetime


class CommentedMessage(BaseGroupMessage):
    action: Literal["commented"] = "commented"
    payload: Commented


class TypesMessage(BaseGroupMessage):
    action: Literal["types"] = "types"
    payload: str


class TicketOutgoing(BaseOutgoingGroupMessage):
    group_message: CommentedMessage | TypesMessage


# endregion: outgoing
# region: server
class RenamedMessage(BaseMessage):
    action: Literal["renamed"] = "renamed"
    payload: str


class DeletedMessage(BaseMessage):
    action: Literal["deleted"] = "deleted"
    payload: str


# endregion: server
