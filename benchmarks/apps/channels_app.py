"""Channels: its JSON consumer, its groups, its authentication middleware. No validation."""

from benchmarks.apps import django_site


def make_app(options):
    """Return the application."""
    django_site.configure(options)
    from channels.generic.websocket import AsyncJsonWebsocketConsumer

    class EchoConsumer(AsyncJsonWebsocketConsumer):
        async def receive_json(self, content, **kwargs):
            await self.send_json(content)

    class AuthConsumer(AsyncJsonWebsocketConsumer):
        async def connect(self):
            if options.credentials == "none" or self.scope["user"].is_authenticated:
                await self.accept()
            else:
                await self.close()

    class RoomConsumer(AuthConsumer):
        groups = ["room"]

        async def receive_json(self, content, **kwargs):
            await self.channel_layer.group_send("room", {"type": "said", "content": content})

        async def said(self, event):
            await self.send_json(event["content"])

    query = django_site.make_query(options) if options.mode == "database" else None

    class DatabaseConsumer(AsyncJsonWebsocketConsumer):
        async def receive_json(self, content, **kwargs):
            match content["action"]:
                case "slow":
                    await django_site.ask_slowly()
                case "echo":
                    await query()
            await self.send_json(content)

    consumer = {
        "echo": EchoConsumer,
        "room": RoomConsumer,
        "auth": AuthConsumer,
        "database": DatabaseConsumer,
    }[options.mode]
    with_users = options.mode == "auth" or options.credentials != "none"
    middleware = django_site.get_channels_middleware(options) if with_users else None
    return django_site.make_router(consumer, middleware)
