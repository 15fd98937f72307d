"""A consumer as the guide writes it: the same for this checkout and the original chanx 0.5.0."""

from typing import Literal

from benchmarks.apps import django_site, logs


def make_app(options, middleware=None):
    """Return the application, behind a middleware if given."""
    logs.configure(options)
    django_site.configure(
        options,
        apps=["chanx"],
        CHANX={
            "CAMELIZE": options.camelize,
            "LOG_RECEIVED_MESSAGE": options.logs,
            "LOG_SENT_MESSAGE": options.logs,
            # Unknown to the original, which is not asked for it.
            **({"DATABASE_LANES": options.lanes} if options.mode == "database" else {}),
        },
    )
    from pydantic import BaseModel
    from rest_framework.authentication import SessionAuthentication, TokenAuthentication
    from rest_framework.permissions import AllowAny, IsAuthenticated

    from chanx.generic.websocket import AsyncJsonWebsocketConsumer
    from chanx.messages.base import (
        BaseGroupMessage,
        BaseIncomingMessage,
        BaseMessage,
        BaseOutgoingGroupMessage,
    )
    from chanx.messages.incoming import PingMessage

    class Payload(BaseModel):
        message_id: int
        user_name: str
        sent_at: str
        body_text: str

    class EchoMessage(BaseMessage):
        action: Literal["echo"] = "echo"
        payload: Payload

    class SayMessage(BaseMessage):
        action: Literal["say"] = "say"
        payload: Payload

    class SaidMessage(BaseGroupMessage):
        action: Literal["said"] = "said"
        payload: Payload

    class Incoming(BaseIncomingMessage):
        message: PingMessage | EchoMessage | SayMessage

    class Outgoing(BaseOutgoingGroupMessage):
        group_message: SaidMessage

    class Consumer(AsyncJsonWebsocketConsumer):
        authentication_classes = {
            "none": [],
            "session": [SessionAuthentication],
            "token": [TokenAuthentication],
        }[options.credentials]
        permission_classes = [AllowAny if options.credentials == "none" else IsAuthenticated]
        INCOMING_MESSAGE_SCHEMA = Incoming
        OUTGOING_GROUP_MESSAGE_SCHEMA = Outgoing
        # Limits of this checkout, which the original does not have. What is measured goes beyond
        # the defaults; wide ones cost the same, so none is switched off.
        max_message_size = 1024 * 1024
        message_rate = 1e9
        max_connections_per_user = 1_000_000

        async def build_groups(self):
            return ["room"] if options.mode == "room" else []

        async def post_authentication(self):
            if options.mode == "room":
                await self.send_json({"action": "ready"})

        async def receive_message(self, message, **kwargs):
            match message:
                case EchoMessage():
                    await self.send_message(message)
                case SayMessage():
                    said = SaidMessage(payload=message.payload)
                    await self.send_group_message(said, exclude_current=False)

    if options.mode != "database":
        return django_site.make_router(Consumer, middleware)

    query = django_site.make_query(options)

    class SlowMessage(BaseMessage):
        action: Literal["slow"] = "slow"
        payload: Payload

    class DatabaseIncoming(BaseIncomingMessage):
        message: EchoMessage | SayMessage | SlowMessage

    class DatabaseConsumer(Consumer):
        INCOMING_MESSAGE_SCHEMA = DatabaseIncoming

        async def receive_message(self, message, **kwargs):
            match message:
                case EchoMessage():
                    await query()
                case SlowMessage():
                    await django_site.ask_slowly()
            await self.send_message(message)

    return django_site.make_router(DatabaseConsumer, middleware)
