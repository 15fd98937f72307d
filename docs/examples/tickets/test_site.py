"""Tests of the examples that come without one."""

from typing import Any
from unittest.mock import patch

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from chanx.routing import include, path
from chanx.testing import WebsocketCommunicator
from django.core.cache import cache

from . import tests
from .access import remove_assignee
from .authentication import AsyncTokenAuthentication
from .consumers import TicketConsumer
from .throttles import SocketThrottle


class SiteTest(tests.TicketTest):
    def setUp(self) -> None:
        super().setUp()
        cache.clear()
        self.client.force_login(self.alice)

    async def open(self) -> WebsocketCommunicator:
        client = self.create_communicator()
        await client.connect()
        await client.assert_authenticated_status_ok()
        return client

    def change(self, method: str, **data: str) -> Any:
        view = getattr(self.client, method)
        return view(f"/tickets/{self.ticket.pk}/", data, content_type="application/json")

    async def test_the_view_tells_the_group(self) -> None:
        client = await self.open()
        response = await sync_to_async(self.change)("patch", title="Out of toner")
        self.assertEqual(response.status_code, 200)
        expected = {"action": "renamed", "payload": "Out of toner"}
        self.assertEqual(await client.receive_json_from(), expected)

    async def test_the_event_is_handled(self) -> None:
        client = await self.open()
        response = await sync_to_async(self.change)("delete")
        self.assertEqual(response.status_code, 204)
        expected = {"action": "deleted", "payload": "alice"}
        self.assertEqual(await client.receive_json_from(), expected)
        await client.assert_closed(1000)

    async def test_an_error_of_the_handler(self) -> None:
        client = await self.open()
        await client.send_json_to({"action": "comment", "payload": {"text": "NOW"}})
        [message] = await client.receive_all_json()
        self.assertEqual(
            message, {"action": "error", "payload": {"detail": "Please do not shout."}}
        )

    async def test_a_token_in_the_address(self) -> None:
        for token, status in ((self.tokens[self.alice], 200), ("wrong", 401)):
            client = self.create_communicator(ws_path=f"/ws/feed/?token={token}")
            await client.connect()
            message = await client.wait_for_auth()
            assert message
            self.assertEqual(message.payload.status_code, status)

    async def test_an_asynchronous_class(self) -> None:
        class AsyncConsumer(TicketConsumer):
            authentication_classes = [AsyncTokenAuthentication]

        router = URLRouter([path("ws/tickets/<int:ticket_id>/", AsyncConsumer.as_asgi())])
        for user, status in ((self.alice, 200), (self.bob, 403), (None, 401)):
            headers = self.get_headers(user) if user else []
            client = self.create_communicator(router=router, headers=headers)
            await client.connect()
            message = await client.wait_for_auth()
            assert message
            self.assertEqual(message.payload.status_code, status)

    async def test_a_queryset_of_the_request(self) -> None:
        self.ws_path = f"/ws/tickets/own/{self.ticket.pk}/"
        await self.open()
        client = self.create_communicator(headers=self.get_headers(self.bob))
        await client.connect()
        message = await client.wait_for_auth()
        assert message
        self.assertEqual(message.payload.status_code, 404)

    async def test_who_is_no_assignee_any_more_has_to_go(self) -> None:
        client = await self.open()
        await sync_to_async(remove_assignee)(self.ticket, self.alice)
        message = await client.receive_json_from()
        self.assertEqual(message["action"], "authentication")
        self.assertEqual(message["payload"]["status_code"], 403)
        await client.assert_closed(4403)

    async def test_somebody_is_disconnected_by_a_view(self) -> None:
        client = await self.open()
        url = f"/users/{self.alice.pk}/disconnect/"
        response = await sync_to_async(self.client.post)(url)
        self.assertEqual(response.status_code, 403)
        self.alice.is_staff = True
        await self.alice.asave()
        response = await sync_to_async(self.client.post)(url)
        self.assertEqual(response.status_code, 204)
        await client.assert_closed(4403)

    async def test_joining_later(self) -> None:
        client = self.create_communicator(ws_path=f"/ws/feed/?token={self.tokens[self.alice]}")
        await client.connect()
        await client.assert_authenticated_status_ok()
        event = {"type": "send_group_member", "content": {"action": "news"}}
        layer: Any = get_channel_layer()
        await client.send_json_to({"action": "follow", "payload": "news"})
        await client.receive_all_json()
        await layer.group_send("news", event)
        self.assertEqual(await client.receive_json_from(), {"action": "news"})
        await client.send_json_to({"action": "unfollow", "payload": "news"})
        await client.receive_all_json()
        await layer.group_send("news", event)
        self.assertTrue(await client.receive_nothing())

    async def test_a_router_of_an_app(self) -> None:
        router = URLRouter([path("ws/tickets/", include("tickets.routing"))])
        client = self.create_communicator(router=router)
        await client.connect()
        await client.assert_authenticated_status_ok()

    async def test_the_throttle(self) -> None:
        path = f"/ws/feed/?token={self.tokens[self.alice]}"
        statuses = []
        with patch.object(SocketThrottle, "rate", "1/min", create=True):
            for _ in range(2):
                client = self.create_communicator(ws_path=path)
                await client.connect()
                message = await client.wait_for_auth()
                assert message
                statuses.append(message.payload.status_code)
        self.assertEqual(statuses, [200, 429])
        await client.assert_closed(4429)

    async def test_a_foreign_page_is_refused(self) -> None:
        headers = [(b"origin", b"https://elsewhere.example"), *self.get_ws_headers()]
        connected, _ = await self.create_communicator(headers=headers).connect()
        self.assertFalse(connected)
