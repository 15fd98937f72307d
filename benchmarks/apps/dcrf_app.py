"""djangochannelsrestframework: actions of an API consumer, permissions of DRF."""

from benchmarks.apps import django_site


def make_app(options):
    """Return the application."""
    django_site.configure(options)
    from djangochannelsrestframework.consumers import AsyncAPIConsumer
    from djangochannelsrestframework.decorators import action
    from djangochannelsrestframework.permissions import IsAuthenticated

    class EchoConsumer(AsyncAPIConsumer):
        permission_classes = ()

        @action()
        async def echo(self, payload, **kwargs):
            return payload, 200

    class AuthConsumer(AsyncAPIConsumer):
        permission_classes = () if options.credentials == "none" else (IsAuthenticated,)

    class RoomConsumer(AuthConsumer):
        groups = ["room"]

        @action()
        async def say(self, payload, **kwargs):
            content = {"action": "say", "payload": payload}
            await self.channel_layer.group_send("room", {"type": "said", "content": content})

        async def said(self, event):
            await self.send_json(event["content"])

    consumer = {"echo": EchoConsumer, "room": RoomConsumer, "auth": AuthConsumer}[options.mode]
    with_users = options.mode == "auth" or options.credentials != "none"
    middleware = django_site.get_channels_middleware(options) if with_users else None
    return django_site.make_router(consumer, middleware)
