"""This checkout and the original chanx 0.5.0 in the table of faults: one consumer for both."""

import asyncio
from typing import Any, Literal

from benchmarks.apps import faults_site


def make_app(options, middleware=None):
    """Return the application, with a middleware for users with sessions if given."""
    faults_site.configure(options, ["chanx"], LOG_RECEIVED_MESSAGE=False, LOG_SENT_MESSAGE=False)
    from django.contrib.auth.models import User
    from rest_framework.authentication import SessionAuthentication
    from rest_framework.permissions import IsAuthenticated

    from chanx.generic.websocket import AsyncJsonWebsocketConsumer
    from chanx.messages.base import (
        BaseGroupMessage,
        BaseIncomingMessage,
        BaseMessage,
        BaseOutgoingGroupMessage,
    )
    from chanx.messages.incoming import PingMessage
    from chanx.messages.outgoing import PongMessage

    class EchoMessage(BaseMessage):
        action: Literal["echo"] = "echo"
        payload: Any

    class LaterMessage(BaseMessage):
        action: Literal["later"] = "later"
        payload: dict[str, float]

    class HoldMessage(BaseMessage):
        action: Literal["hold"] = "hold"
        payload: dict[str, float]

    class QueriesMessage(BaseMessage):
        action: Literal["queries"] = "queries"
        payload: dict[str, float]

    class PublishMessage(BaseMessage):
        action: Literal["publish"] = "publish"
        payload: dict[str, Any]

    class EventMessage(BaseMessage):
        action: Literal["event"] = "event"
        payload: dict[str, Any]

    class TextMessage(BaseMessage):
        action: Literal["text"] = "text"
        payload: str

    class SaidMessage(BaseGroupMessage):
        action: Literal["said"] = "said"
        payload: dict[str, Any]

    class Incoming(BaseIncomingMessage):
        message: (
            PingMessage
            | EchoMessage
            | LaterMessage
            | HoldMessage
            | QueriesMessage
            | PublishMessage
            | EventMessage
        )

    class Outgoing(BaseOutgoingGroupMessage):
        group_message: SaidMessage

    class Consumer(AsyncJsonWebsocketConsumer):
        authentication_classes = []
        permission_classes = []
        INCOMING_MESSAGE_SCHEMA = Incoming
        OUTGOING_GROUP_MESSAGE_SCHEMA = Outgoing
        # On the class, for everybody; those of build_groups() are a connection's own.
        groups = ["lobby"]

        async def build_groups(self):
            return faults_site.get_groups(self.scope)

        async def receive_message(self, message, **kwargs):
            payload = message.payload
            match message:
                case PingMessage():
                    await self.send_message(PongMessage())
                case EchoMessage():
                    await self.send_message(message)
                case LaterMessage():
                    await asyncio.sleep(payload["seconds"])
                    await self.send_message(message)
                case HoldMessage():
                    await self.send_json({"action": "holding"})
                    await faults_site.hold(options, payload["seconds"])
                    await self.send_json({"action": "held"})
                case QueriesMessage():
                    await faults_site.run_queries(int(payload["count"]), payload["seconds"])
                    await self.send_json({"action": "queried"})
                case PublishMessage():
                    for said in faults_site.make_publications(payload):
                        await self.send_group_message(
                            SaidMessage(payload=said), [payload["group"]], exclude_current=False
                        )
                case EventMessage():
                    await self.channel_layer.group_send(payload["group"], payload["event"])

        async def plain_text(self, event):
            await self.send_message(TextMessage(payload=event["text"]))

    class ConcurrentConsumer(Consumer):
        concurrent_messages = 2

    class ObjectConsumer(Consumer):
        queryset = User.objects
        permission_classes = [faults_site.make_permission()]

    class MemberConsumer(Consumer):
        authentication_classes = [SessionAuthentication]
        permission_classes = [IsAuthenticated]

    consumers = {"ws/": Consumer, "ws/concurrent/": ConcurrentConsumer}
    if options.has_objects:
        consumers["ws/object/<int:pk>/"] = ObjectConsumer
    return faults_site.make_router(
        consumers, MemberConsumer if options.has_members else None, middleware
    )
