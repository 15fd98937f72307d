from collections.abc import Iterable
from typing import Any, Literal

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseGroupMessage, BaseIncomingMessage, BaseMessage
from pydantic import BaseModel
from rest_framework.permissions import IsAuthenticated


class MoveMessage(BaseMessage):
    action: Literal["move"] = "move"
    payload: "Position"


class Position(BaseModel):
    ticket: int
    x: float
    y: float


class MovedMessage(BaseGroupMessage):
    action: Literal["moved"] = "moved"
    payload: Position


class DashboardIncoming(BaseIncomingMessage):
    message: MoveMessage


# region: limits
class DashboardConsumer(AsyncJsonWebsocketConsumer):
    permission_classes = [IsAuthenticated]
    INCOMING_MESSAGE_SCHEMA = DashboardIncoming

    message_rate = 60  # a drag of the mouse sends one for each frame of the screen
    max_message_size = 1024
    handler_timeout = 5
    # endregion: limits

    # region: lost
    async def handle_lost_events(self, group: str, count: int) -> None:
        await self.send_json({"action": "reload"})

    # endregion: lost

    async def build_groups(self) -> Iterable[str]:
        return ["dashboard"]

    async def receive_message(self, message: BaseMessage, **kwargs: Any) -> None:
        await self.send_group_message(MovedMessage(payload=message.payload))


# region: coalesce
class PositionsConsumer(DashboardConsumer):
    slow_client_policy = "coalesce"

    def coalesce_key(self, message: BaseMessage) -> str:
        return f"{message.action}:{message.payload.ticket}"


# endregion: coalesce


# region: concurrent
class ReportConsumer(AsyncJsonWebsocketConsumer):
    permission_classes = [IsAuthenticated]
    concurrent_messages = 4
    disconnect_grace = 10  # a report that is being written is finished
    # endregion: concurrent

    INCOMING_MESSAGE_SCHEMA = DashboardIncoming

    async def receive_message(self, message: BaseMessage, **kwargs: Any) -> None:
        await self.send_message(message)
