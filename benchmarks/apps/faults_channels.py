"""Channels in the table of faults: its JSON consumer as its documentation writes one."""

import asyncio

from benchmarks.apps import faults_site


def make_app(options):
    """Return the application."""
    faults_site.configure(options)
    from channels.generic.websocket import AsyncJsonWebsocketConsumer

    class Consumer(AsyncJsonWebsocketConsumer):
        groups = ["lobby"]

        async def websocket_connect(self, message):
            self.groups = [*self.groups, *faults_site.get_groups(self.scope)]
            await super().websocket_connect(message)

        async def receive_json(self, content, **kwargs):
            action, payload = content.get("action"), content.get("payload")
            match action:
                case "ping":
                    await self.send_json({"action": "pong", "payload": None})
                case "echo":
                    await self.send_json(content)
                case "later":
                    await asyncio.sleep(payload["seconds"])
                    await self.send_json(content)
                case "hold":
                    await self.send_json({"action": "holding"})
                    await faults_site.hold(options, payload["seconds"])
                    await self.send_json({"action": "held"})
                case "queries":
                    await faults_site.run_queries(payload["count"], payload["seconds"])
                    await self.send_json({"action": "queried"})
                case "publish":
                    for said in faults_site.make_publications(payload):
                        event = {"type": "said", "payload": said}
                        await self.channel_layer.group_send(payload["group"], event)
                case "event":
                    await self.channel_layer.group_send(payload["group"], payload["event"])
                case _:
                    await self.send_json({"action": "error"})

        async def said(self, event):
            await self.send_json({"action": "said", "payload": event["payload"]})

        async def plain_text(self, event):
            await self.send_json({"action": "text", "payload": event["text"]})

    class MemberConsumer(Consumer):
        async def connect(self):
            if self.scope["user"].is_authenticated:
                await self.accept()
            else:
                await self.close()

    return faults_site.make_router(
        {"ws/": Consumer},
        MemberConsumer if options.has_members else None,
        faults_site.get_middleware(options),
    )
