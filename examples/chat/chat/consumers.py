"""The server's side of the socket."""

import asyncio
from collections.abc import Iterable
from typing import Any

from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.permissions import IsAuthenticated

from chanx.description import documented
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseMessage
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import PongMessage

from .messages import (
    ChatGroupMessage,
    ChatMessage,
    ChatPayload,
    MessagePayload,
    RoomGroupMessage,
    RoomIncomingMessage,
    RoomOutgoingMessage,
    TypingGroupMessage,
    TypingMessage,
    TypingPayload,
)
from .models import Message, Room
from .permissions import IsRoomMember


@documented(tags=["rooms"])
class RoomConsumer(AsyncJsonWebsocketConsumer[Room]):
    """One member's connection to one room.

    Only members of the room get in. Whoever is in hears everything that is said in the room from
    then on, its own messages included; what was said before is to be fetched over HTTP, from
    `/rooms/<slug>/messages/`.
    """

    # The room named in the URL is looked up and its permission asked before any message is read,
    # so `self.obj` is a room that `self.user` may use.

    # The first class decides how a missing login is told. A token has a challenge header, so it
    # is 401 and not 403, and the page can tell "signed out" from "not a member".
    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated, IsRoomMember]
    queryset = Room.objects.all()
    lookup_field = "slug"
    lookup_url_kwarg = "slug"

    INCOMING_MESSAGE_SCHEMA = RoomIncomingMessage
    OUTGOING_MESSAGE_SCHEMA = RoomOutgoingMessage
    OUTGOING_GROUP_MESSAGE_SCHEMA = RoomGroupMessage

    async def build_groups(self) -> Iterable[str]:
        return [self.obj.group_name]

    async def receive_message(self, message: BaseMessage, **kwargs: Any) -> None:
        match message:
            case ChatMessage(payload=payload):
                # A handler is cancelled when its client leaves. Not between these two steps, or
                # there would be a message in the history that nobody was told of.
                await asyncio.shield(self.save_and_tell(payload))
            case TypingMessage():
                typing = TypingPayload(author=self.user.get_username())
                await self.send_group_message(TypingGroupMessage(payload=typing))
            case PingMessage():
                await self.send_message(PongMessage())

    async def save_and_tell(self, payload: ChatPayload) -> None:
        """Save the message first, then tell everybody in the room, the sender included.

        A message that is saved already is told again all the same: the server may have stopped
        between the two steps. Clients know a message by its id and show it once.
        """
        if payload.client_id is None:
            message = await Message.objects.acreate(
                room=self.obj, author=self.user, text=payload.text
            )
        else:
            message, _ = await Message.objects.select_related("author").aget_or_create(
                room=self.obj,
                author=self.user,
                client_id=payload.client_id,
                defaults={"text": payload.text},
            )
        await self.send_group_message(
            ChatGroupMessage(payload=MessagePayload.from_model(message)), exclude_current=False
        )
