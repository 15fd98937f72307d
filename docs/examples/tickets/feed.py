from typing import Any, Literal

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated

from .authentication import QueryTokenAuthentication, ThrottledAuthenticator


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
    authentication_classes = [QueryTokenAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    authenticator_class = ThrottledAuthenticator
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
