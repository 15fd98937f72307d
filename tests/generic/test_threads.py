"""Threads are used for what may wait, and never per event."""

import concurrent.futures
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from channels.layers import InMemoryChannelLayer
from rest_framework.permissions import (
    AllowAny,
    BasePermission,
    IsAdminUser,
    IsAuthenticated,
    IsAuthenticatedOrReadOnly,
)

from chanx.integrations import database
from chanx.testing import WebsocketCommunicator
from tests.app.consumers import HeaderAuthentication, RoomConsumer
from tests.conftest import Connect, Vary

ANN = [(b"x-user", b"ann")]


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was handed to another thread. Closing old connections is not due during the test."""
    found: list[Any] = []
    call = SyncToAsync.__call__
    submit = concurrent.futures.ThreadPoolExecutor.submit

    async def count_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        found.append(self.func)
        return await call(self, *args, **kwargs)

    def count_submit(self: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        found.append(function)
        return submit(self, function, *args, **kwargs)

    monkeypatch.setattr(SyncToAsync, "__call__", count_call)
    monkeypatch.setattr(concurrent.futures.ThreadPoolExecutor, "submit", count_submit)
    monkeypatch.setattr(database, "_INTERVAL", 3600.0)
    monkeypatch.setattr(database, "_next_time", float("inf"))
    return found


@pytest.mark.usefixtures("layer")
async def test_no_event_costs_a_thread(vary: Vary, connect: Connect, hops: list[Any]) -> None:
    class Consumer(RoomConsumer):
        authentication_classes = ()

        async def my_event(self, event: Any) -> None:
            await self.send_json({"action": "event"})

    client, other = await connect(vary(Consumer)), await connect(vary(Consumer))
    for _ in range(10):
        await client.send_json_to({"action": "ping"})
        await client.send_json_to({"action": "say"})
        await client.send_to(text_data="no json")
    assert len(await client.receive_all_json()) == 20
    assert len([await other.receive_json_from() for _ in range(10)]) == 10
    await client.disconnect()
    await other.disconnect()
    assert hops == []


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        ([], 200),
        ([AllowAny], 200),
        ([IsAuthenticatedOrReadOnly], 200),
        ([IsAuthenticated], 403),
        ([AllowAny, IsAdminUser], 403),
    ],
)
async def test_authentication_that_waits_for_nothing_needs_no_thread(
    permissions: list[Any], status: int, hops: list[Any]
) -> None:
    class Consumer(RoomConsumer):
        authentication_classes = ()
        permission_classes: Any = permissions

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    message = await client.wait_for_auth()
    assert message is not None
    assert message.payload.status_code == status
    await client.disconnect()
    assert hops == []


class Own(BasePermission):
    """Might do anything."""


@pytest.mark.parametrize(
    ("authentication", "permissions"),
    [([HeaderAuthentication], []), ([], [Own]), ([HeaderAuthentication], [Own & AllowAny])],
)
async def test_authentication_that_may_wait_takes_one_trip_to_a_thread(
    authentication: list[Any], permissions: list[Any], hops: list[Any]
) -> None:
    class Consumer(RoomConsumer):
        authentication_classes: Any = authentication
        permission_classes: Any = permissions

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/", headers=ANN)
    await client.connect()
    await client.assert_authenticated_status_ok()
    await client.disconnect()
    # One call, which asgiref hands to one thread.
    assert len(hops) == 2


async def test_joining_and_sending_to_groups_costs_no_thread(
    connect: Connect, layer: InMemoryChannelLayer, hops: list[Any]
) -> None:
    class Consumer(RoomConsumer):
        authentication_classes = ()

        async def post_authentication(self) -> None:
            await self.channel_layer.group_add("own", self.channel_name)

    client = await connect(Consumer.as_asgi())
    await layer.group_send("own", {"type": "send_group_member", "content": 1})
    assert await client.receive_json_from() == 1
    await client.disconnect()
    assert hops == []
