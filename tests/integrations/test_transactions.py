"""What a test has in the database is what its consumers see, whoever makes the test client."""

import threading
from typing import Any, Literal

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator as ChannelsCommunicator
from django.contrib.auth.models import User
from django.db import connection
from django.test import TestCase, TransactionTestCase

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.integrations.lanes import lanes
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.testing import WebsocketCommunicator
from tests.app.consumers import HeaderAuthentication
from tests.conftest import Connect


class WhoMessage(BaseMessage):
    """Asks for, and gives, what the handler sees."""

    action: Literal["who"] = "who"
    payload: Any = None


class WhoIncomingMessage(BaseIncomingMessage):
    message: WhoMessage


def look() -> dict[str, Any]:
    return {
        "names": sorted(User.objects.values_list("username", flat=True)),
        "thread": threading.get_ident(),
        "is_in_transaction": connection.in_atomic_block,
    }


class WhoConsumer(AsyncJsonWebsocketConsumer):
    # Something for the thread to do.
    authentication_classes = [HeaderAuthentication]
    permission_classes = []
    INCOMING_MESSAGE_SCHEMA = WhoIncomingMessage

    async def receive_message(self, message: WhoMessage, **kwargs: Any) -> None:
        names = [user.username async for user in User.objects.order_by("username")]
        seen = await sync_to_async(look)()
        assert seen["names"] == names
        await self.send_message(WhoMessage(payload=seen))


def make_clients() -> list[Any]:
    return [
        communicator(WhoConsumer.as_asgi(), "/ws/", headers=[(b"x-user", b"ann")])
        for communicator in (WebsocketCommunicator, ChannelsCommunicator)
    ]


async def ask(client: Any) -> dict[str, Any]:
    await client.connect()
    answer = await client.receive_json_from()
    assert answer["payload"]["status_code"] == 200
    await client.send_json_to({"action": "who"})
    seen: dict[str, Any] = (await client.receive_json_from())["payload"]
    await client.disconnect()
    return seen


class TestTestCase(TestCase):
    async def test_consumer_is_in_the_transaction_of_the_test(self) -> None:
        await User.objects.acreate(username="ann")
        expected = await sync_to_async(look)()
        assert expected["is_in_transaction"]
        for client in make_clients():
            assert await ask(client) == expected

    def test_next_test_begins_without_what_the_last_one_made(self) -> None:
        assert not User.objects.exists()


class TestTransactionTestCase(TransactionTestCase):
    async def test_consumer_sees_what_the_test_has_made(self) -> None:
        await User.objects.acreate(username="bob")
        expected = await sync_to_async(look)()
        assert not expected["is_in_transaction"]
        for client in make_clients():
            assert await ask(client) == expected


@pytest.mark.django_db(transaction=True)
async def test_consumer_is_on_the_thread_of_an_asynchronous_test() -> None:
    """pytest's own: their asynchronous ORM runs on asgiref's thread."""
    await User.objects.acreate(username="cid")
    expected = await sync_to_async(look)()
    for client in make_clients():
        assert await ask(client) == expected


@pytest.mark.usefixtures("layer")
async def test_no_test_client_has_got_a_lane(connect: Connect) -> None:
    await connect(WhoConsumer.as_asgi(), headers=[(b"x-user", b"ann")])
    assert sum(lane["connections"] for lane in lanes.report()) == 0
