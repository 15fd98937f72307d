from typing import Any, Literal

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.permissions import IsAuthenticated

from .throttles import SocketThrottle


class FollowMessage(BaseMessage):
    action: Literal["follow"] = "follow"
    payload: str


class UnfollowMessage(BaseMessage):
    action: Literal["unfollow"] = "unfollow"
    payload: str


class FeedIncoming(BaseIncomingMessage):
    message: FollowMessage | UnfollowMessage


# region: consumer
class FeedConsumer(AsyncJsonWebsocketConsumer):
    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    throttle_classes = [SocketThrottle]
    token_transports = ["header", "query"]
    INCOMING_MESSAGE_SCHEMA = FeedIncoming

    # endregion: consumer
    # region: join
    async def receive_message(self, message: BaseMessage, **kwargs: Any) -> None:
        match message:
            case FollowMessage(payload=topic):
                await self.channel_layer.group_add(topic, self.channel_name)
            case UnfollowMessage(payload=topic):
                await self.channel_layer.group_discard(topic, self.channel_name)

    # endregion: join
