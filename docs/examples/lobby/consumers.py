from collections.abc import Iterable
from typing import Any, Literal

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseGroupMessage, BaseIncomingMessage, BaseMessage
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import PongMessage
from pydantic import BaseModel
from rest_framework.permissions import IsAuthenticated


# region: messages
class SayMessage(BaseMessage):
    action: Literal["say"] = "say"
    payload: str


class Said(BaseModel):
    author: str
    text: str


class SaidMessage(BaseGroupMessage):
    action: Literal["said"] = "said"
    payload: Said


class LobbyIncoming(BaseIncomingMessage):
    message: PingMessage | SayMessage


# endregion: messages
# region: consumer
class LobbyConsumer(AsyncJsonWebsocketConsumer):
    permission_classes = [IsAuthenticated]
    INCOMING_MESSAGE_SCHEMA = LobbyIncoming

    async def build_groups(self) -> Iterable[str]:
        return ["lobby"]

    async def receive_message(self, message: BaseMessage, **kwargs: Any) -> None:
        match message:
            case PingMessage():
                await self.send_message(PongMessage())
            case SayMessage(payload=text):
                said = Said(author=self.user.get_username(), text=text)
                await self.send_group_message(SaidMessage(payload=said), exclude_current=False)


# endregion: consumer
