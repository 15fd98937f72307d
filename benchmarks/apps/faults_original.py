"""The newest original chanx in the table of faults: a handler per message."""

import asyncio
import os
from typing import Any, Literal

from benchmarks.apps import faults_site


def make_app(options):
    """Return the application."""
    os.environ["CHANX_USE_DJANGO"] = "1"
    faults_site.configure(options, LOG_WEBSOCKET_MESSAGE=False)
    from django.contrib.auth.models import User
    from rest_framework.authentication import SessionAuthentication
    from rest_framework.permissions import IsAuthenticated

    from chanx.channels.authenticator import DjangoAuthenticator
    from chanx.channels.websocket import AsyncJsonWebsocketConsumer
    from chanx.core.decorators import ws_handler
    from chanx.messages.base import BaseMessage
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

    class SaidMessage(BaseMessage):
        action: Literal["said"] = "said"
        payload: dict[str, Any]

    class Authenticator(DjangoAuthenticator):
        authentication_classes = []
        permission_classes = []

    class ObjectAuthenticator(Authenticator):
        permission_classes = [faults_site.make_permission()]
        queryset = User.objects

    class MemberAuthenticator(DjangoAuthenticator):
        authentication_classes = [SessionAuthentication]
        permission_classes = [IsAuthenticated]

    class Consumer(AsyncJsonWebsocketConsumer):
        authenticator_class = Authenticator
        groups = ["lobby"]

        async def websocket_connect(self, message):
            self.groups = [*self.groups, *faults_site.get_groups(self.scope)]
            await super().websocket_connect(message)

        @ws_handler
        async def ping(self, message: PingMessage) -> PongMessage:
            return PongMessage()

        @ws_handler
        async def echo(self, message: EchoMessage) -> EchoMessage:
            return message

        @ws_handler
        async def later(self, message: LaterMessage) -> LaterMessage:
            await asyncio.sleep(message.payload["seconds"])
            return message

        @ws_handler
        async def hold(self, message: HoldMessage) -> None:
            await self.send_json({"action": "holding"})
            await faults_site.hold(options, message.payload["seconds"])
            await self.send_json({"action": "held"})

        @ws_handler
        async def queries(self, message: QueriesMessage) -> None:
            payload = message.payload
            await faults_site.run_queries(int(payload["count"]), payload["seconds"])
            await self.send_json({"action": "queried"})

        @ws_handler
        async def publish(self, message: PublishMessage) -> None:
            for said in faults_site.make_publications(message.payload):
                await self.broadcast_message(
                    SaidMessage(payload=said), groups=[message.payload["group"]]
                )

        @ws_handler
        async def event(self, message: EventMessage) -> None:
            await self.channel_layer.group_send(message.payload["group"], message.payload["event"])

        async def plain_text(self, event):
            await self.send_json({"action": "text", "payload": event["text"]})

    class ObjectConsumer(Consumer):
        authenticator_class = ObjectAuthenticator

    class MemberConsumer(Consumer):
        authenticator_class = MemberAuthenticator

    consumers = {"ws/": Consumer}
    if options.has_objects:
        consumers["ws/object/<int:pk>/"] = ObjectConsumer
    return faults_site.make_router(
        consumers,
        MemberConsumer if options.has_members else None,
        faults_site.get_middleware(options),
    )
