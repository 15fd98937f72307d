"""disconnect_user, recheck_user and the admin's action, called from everywhere."""

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import BaseChannelLayer, InMemoryChannelLayer, channel_layers
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import AnonymousUser, User

import chanx
from chanx import revocation
from chanx.exceptions import BrokerError
from chanx.integrations.background import background
from chanx.integrations.control import GROUP, get_origin
from tests.app.consumers import RoomConsumer
from tests.conftest import Connect
from tests.patience import PATIENCE

ANN = [(b"x-user", b"ann")]
"""The key of the user is the length of the name."""


class SharedLayer(BaseChannelLayer):
    """As good as one that other processes share."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = InMemoryChannelLayer()
        self.sent: list[dict[str, Any]] = []
        """Each notice once, by its id."""
        self.times: Counter[str] = Counter()
        """How often each has been sent."""
        self.loops: set[Any] = set()
        self.error: Exception | None = None
        self.joined = asyncio.Event()

    async def new_channel(self, prefix: str = "specific.") -> str:
        return str(await self.inner.new_channel(prefix))

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        await self.inner.send(channel, message)

    async def receive(self, channel: str) -> dict[str, Any]:
        received: dict[str, Any] = await self.inner.receive(channel)
        return received

    async def group_add(self, group: str, channel: str) -> None:
        await self.inner.group_add(group, channel)
        if group == GROUP:
            self.joined.set()

    async def group_discard(self, group: str, channel: str) -> None:
        await self.inner.group_discard(group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if group == GROUP:
            if self.error:
                raise self.error
            self.loops.add(asyncio.get_running_loop())
            self.times[message["id"]] += 1
            if self.times[message["id"]] == 1:
                self.sent.append(message)
        else:
            await self.inner.group_send(group, message)


@pytest.fixture(autouse=True)
def _stop_background(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test sends has been sent when it ends, and the thread has ended."""
    for bound in ("_GRACE", "_STOP"):
        monkeypatch.setattr(f"chanx.integrations.background.{bound}", PATIENCE / 2)
    yield
    background.stop()


@pytest.fixture
async def shared(use_layer: Any) -> Any:
    """The default layer; what reads it is stopped after the test."""
    before = asyncio.all_tasks()
    yield use_layer(SharedLayer())
    ours = asyncio.all_tasks() - before - {asyncio.current_task()}
    for task in ours:
        task.cancel()
    await asyncio.gather(*ours, return_exceptions=True)


# --- this process ---------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [3, "3", User(pk=3)])
async def test_every_connection_of_the_user_is_closed_and_no_other(
    connect: Connect, layer: Any, user: Any
) -> None:
    mine = [await connect(RoomConsumer.as_asgi(), headers=ANN) for _ in range(3)]
    other = await connect(RoomConsumer.as_asgi(), headers=[(b"x-user", b"cleo")])
    nobody = await connect(RoomConsumer.as_asgi())
    await chanx.adisconnect_user(user, code=4010, reason="Näh")
    for client in mine:
        event = await client.receive_output(PATIENCE)
        assert event == {"type": "websocket.close", "code": 4010, "reason": "Näh"}
    for client in (other, nobody):
        await client.send_json_to({"action": "ping"})
        assert (await client.receive_json_from())["action"] == "pong"


async def test_code_says_forbidden_by_default(connect: Connect, layer: Any) -> None:
    client = await connect(RoomConsumer.as_asgi(), headers=ANN)
    await chanx.adisconnect_user(3)
    event = await client.receive_output(PATIENCE)
    assert event == {"type": "websocket.close", "code": 4403}


async def test_whoever_was_disconnected_may_come_back_at_once(connect: Connect, layer: Any) -> None:
    client = await connect(RoomConsumer.as_asgi(), headers=ANN)
    await chanx.adisconnect_user(3)
    assert (await client.receive_output(PATIENCE))["code"] == 4403
    client = await connect(RoomConsumer.as_asgi(), headers=ANN)
    await client.send_json_to({"action": "ping"})
    assert (await client.receive_json_from())["action"] == "pong"


async def test_it_may_be_called_in_a_handler_about_oneself(connect: Connect, layer: Any) -> None:
    class Consumer(RoomConsumer):
        async def do_out(self) -> None:
            await sync_to_async(chanx.disconnect_user)(self.user)

        async def do_aout(self) -> None:
            await chanx.adisconnect_user(self.user)

    for name in ("out", "aout"):
        client = await connect(Consumer.as_asgi(), headers=ANN)
        await client.send_json_to({"action": "do", "payload": name})
        assert (await client.receive_output(PATIENCE))["code"] == 4403


# --- all processes --------------------------------------------------------------------------------


async def test_other_processes_are_told_what_is_to_be_done(shared: SharedLayer) -> None:
    await chanx.adisconnect_user(3, 4010, "out")
    await chanx.arecheck_user(3)
    kick, recheck = shared.sent
    assert kick == {
        "type": "chanx.control",
        "command": "disconnect",
        "arguments": {"users": ["3"], "code": 4010, "reason": "out"},
        "origin": get_origin(),
        "id": kick["id"],
    }
    assert kick["id"] != recheck["id"]
    assert recheck["arguments"] == {"subjects": ["user:3"]}


async def test_notice_is_given_twice_as_layers_lose_some(shared: SharedLayer) -> None:
    await chanx.adisconnect_user(3)
    chanx.recheck_user(3)
    # Waits for what is still to be sent.
    await asyncio.to_thread(background.stop)
    assert sorted(shared.times.values()) == [2, 2]


async def test_notice_that_failed_is_not_given_again(shared: SharedLayer) -> None:
    shared.error = ConnectionError("Redis is down")
    with pytest.raises(BrokerError):
        await chanx.adisconnect_user(3)
    assert not background.is_running


async def receive_from_another(shared: SharedLayer, **event: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        await shared.joined.wait()
    event = {"type": "chanx.control", "origin": "another.1", **event}
    await shared.inner.group_send(GROUP, event)


async def test_what_others_tell_is_done(shared: SharedLayer, connect: Connect) -> None:
    client = await connect(RoomConsumer.as_asgi(), headers=ANN)
    arguments = {"users": ["3"], "code": 4010, "reason": "out"}
    await receive_from_another(shared, command="disconnect", arguments=arguments)
    event = await client.receive_output(PATIENCE)
    assert event == {"type": "websocket.close", "code": 4010, "reason": "out"}


async def test_consumers_over_a_layer_in_memory_are_told_as_well(
    shared: SharedLayer, connect: Connect
) -> None:
    class Consumer(RoomConsumer):
        channel_layer_alias = "local"

    channel_layers.set("local", InMemoryChannelLayer())
    try:
        client = await connect(Consumer.as_asgi(), headers=ANN)
        await receive_from_another(shared, command="disconnect", arguments={"users": ["3"]})
        assert (await client.receive_output(PATIENCE))["code"] == 4403
    finally:
        del channel_layers.backends["local"]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"users": [3]}, {"users": ["3"], "code": 1006}, {"users": ["3"], "reason": "x" * 124}, []],
)
async def test_malformed_notices_are_logged_and_ignored(
    shared: SharedLayer, connect: Connect, logs: list[Any], arguments: Any
) -> None:
    client = await connect(RoomConsumer.as_asgi(), headers=ANN)
    await receive_from_another(shared, command="disconnect", arguments=arguments)
    async with asyncio.timeout(PATIENCE):
        while not (lines := [each for each in logs if each["log_level"] == "warning"]):
            await asyncio.sleep(0)
    assert lines[0]["event"] == "Ignored a control command"
    await client.send_json_to({"action": "ping"})
    assert (await client.receive_json_from())["action"] == "pong"


async def test_what_this_process_has_told_is_not_done_twice(
    shared: SharedLayer, connect: Connect
) -> None:
    client = await connect(RoomConsumer.as_asgi(), headers=ANN)
    arguments = {"users": ["3"], "code": 4010}
    await receive_from_another(
        shared, command="disconnect", arguments=arguments, origin=get_origin()
    )
    await receive_from_another(shared, command="disconnect", arguments={**arguments, "code": 4011})
    assert (await client.receive_output(PATIENCE))["code"] == 4011


async def test_notice_that_comes_again_is_not_done_again(
    shared: SharedLayer, connect: Connect
) -> None:
    client = await connect(RoomConsumer.as_asgi(), headers=ANN)
    notice = {"command": "disconnect", "arguments": {"users": ["3"], "code": 4010}, "id": "first"}
    await receive_from_another(shared, **notice)
    assert (await client.receive_output(PATIENCE))["code"] == 4010
    # Who has come back is not sent away by the repetition.
    client = await connect(RoomConsumer.as_asgi(), headers=ANN)
    await receive_from_another(shared, **notice)
    second = {"command": "disconnect", "arguments": {"users": ["3"], "code": 4011}, "id": "second"}
    await receive_from_another(shared, **second)
    assert (await client.receive_output(PATIENCE))["code"] == 4011


@pytest.mark.parametrize("notice_id", [None, 3, "x" * 100, ["x"]])
async def test_notice_without_a_proper_id_is_done(
    shared: SharedLayer, connect: Connect, notice_id: Any
) -> None:
    for _ in range(2):
        client = await connect(RoomConsumer.as_asgi(), headers=ANN)
        arguments = {"users": ["3"], "code": 4010}
        await receive_from_another(shared, command="disconnect", arguments=arguments, id=notice_id)
        assert (await client.receive_output(PATIENCE))["code"] == 4010


async def test_many_notices_at_once_are_all_done(shared: SharedLayer, connect: Connect) -> None:
    """There is no bound on them as there is on commands, which take their time."""
    names = [b"x" * length for length in range(1, 41)]
    clients = [await connect(RoomConsumer.as_asgi(), headers=[(b"x-user", name)]) for name in names]
    for name in names:
        arguments = {"users": [str(len(name))]}
        await receive_from_another(shared, command="disconnect", arguments=arguments)
    for client in clients:
        assert (await client.receive_output(PATIENCE))["code"] == 4403


async def test_layer_that_fails_is_an_error_and_those_here_are_closed_all_the_same(
    shared: SharedLayer, connect: Connect
) -> None:
    shared.error = ConnectionError("Redis is down")
    for call in (chanx.adisconnect_user, sync_to_async(chanx.disconnect_user)):
        client = await connect(RoomConsumer.as_asgi(), headers=ANN)
        with pytest.raises(BrokerError, match="Redis is down"):
            await call(3)
        assert (await client.receive_output(PATIENCE))["code"] == 4403
    with pytest.raises(BrokerError, match="Redis is down"):
        await chanx.arecheck_user(3)
    chanx.recheck_user(3)  # which is only logged
    background.stop()


# --- synchronous callers --------------------------------------------------------------------------


async def test_in_the_thread_of_a_loop_it_says_what_to_call(layer: Any) -> None:
    with pytest.raises(RuntimeError, match=r"await chanx\.adisconnect_user\(\.\.\.\) instead"):
        chanx.disconnect_user(3)
    chanx.recheck_user(3)  # waits for nothing


def test_many_users_are_several_events(use_layer: Any) -> None:
    layer = use_layer(SharedLayer())
    revocation.disconnect_users(range(1, 1202), 4010, "out")
    sent = [event["arguments"] for event in layer.sent]
    assert [len(each["users"]) for each in sent] == [500, 500, 201]
    assert len({user for each in sent for user in each["users"]}) == 1201
    assert {(each["code"], each["reason"]) for each in sent} == {(4010, "out")}


def test_thousand_calls_use_one_loop_and_leave_nothing(use_layer: Any) -> None:
    layer = use_layer(SharedLayer())
    gc.collect()
    before = set(threading.enumerate())
    for number in range(1000):
        chanx.disconnect_user(number + 1)
    assert len(layer.sent) == 1000
    assert len(layer.loops) == 1
    assert len(set(threading.enumerate()) - before) <= 1
    background.stop()
    assert set(threading.enumerate()) <= before
    [loop] = layer.loops
    assert loop.is_closed()


def test_with_async_to_sync_in_a_thread_with_and_without_a_loop(use_layer: Any) -> None:
    layer = use_layer(SharedLayer())
    async_to_sync(chanx.adisconnect_user)(3)

    async def view() -> None:
        await sync_to_async(chanx.disconnect_user)(3)
        await sync_to_async(async_to_sync(chanx.adisconnect_user))(3)

    asyncio.run(view())
    assert len(layer.sent) == 3


def test_process_without_a_layer_that_is_shared_starts_nothing(use_layer: Any) -> None:
    use_layer(InMemoryChannelLayer())
    background.stop()
    chanx.disconnect_user(3)
    assert not background.is_running


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [None, "", True, AnonymousUser(), User()])
def test_whoever_is_not_saved_is_nobody(user: Any, layer: Any) -> None:
    for call in (chanx.disconnect_user, chanx.recheck_user):
        with pytest.raises(ValueError, match="needs a user that is saved, or its primary key"):
            call(user)
    for acall in (chanx.adisconnect_user, chanx.arecheck_user):
        with pytest.raises(ValueError, match="needs a user that is saved"):
            asyncio.run(acall(user))


@pytest.mark.parametrize(
    "code", [999, 1001, 1005, 1006, 1011, 2999, 5000, 0, -1, "4000", True, 4e3]
)
def test_codes_that_an_application_may_not_send(code: Any, layer: Any) -> None:
    with pytest.raises(ValueError, match="use 1000 or one from 3000 to 4999"):
        chanx.disconnect_user(3, code)


@pytest.mark.parametrize("code", [1000, 3000, 4999])
def test_codes_that_it_may_send(code: int, layer: Any) -> None:
    chanx.disconnect_user(3, code)


def test_reasons_have_the_room_of_a_close_frame(layer: Any) -> None:
    chanx.disconnect_user(3, reason="x" * 123)
    chanx.disconnect_user(3, reason="ä" * 61)
    for reason in ("x" * 124, "ä" * 62):
        with pytest.raises(ValueError, match="124 bytes in UTF-8, and a close frame has room"):
            chanx.disconnect_user(3, reason=reason)
    for nonsense in (None, b"x", "\ud800"):
        with pytest.raises(ValueError, match="must be a string that has a form in UTF-8"):
            chanx.disconnect_user(3, reason=nonsense)  # type: ignore[arg-type]  # the test


# --- the admin ------------------------------------------------------------------------------------


class Admin(ModelAdmin):  # type: ignore[type-arg]  # which is not subscriptable at run time
    """Keeps what it would tell."""

    def __init__(self) -> None:
        super().__init__(User, admin.AdminSite())
        self.told: list[tuple[str, int]] = []

    def message_user(
        self,
        request: Any,
        message: Any,
        level: Any = 20,
        extra_tags: str = "",
        fail_silently: bool = False,
    ) -> None:
        """Keep it."""
        self.told.append((str(message), level))


@pytest.mark.django_db(transaction=True)
def test_action_disconnects_the_selected_users(use_layer: Any) -> None:
    from chanx.admin import disconnect_users

    layer = use_layer(SharedLayer())
    for name in ("ann", "bob", "cat"):
        User.objects.create_user(name)
    model_admin = Admin()
    chosen = User.objects.exclude(username="cat").order_by("pk")
    disconnect_users(model_admin, None, chosen)  # type: ignore[arg-type]  # not looked at
    [event] = layer.sent
    assert event["arguments"]["users"] == [str(user.pk) for user in chosen]
    assert model_admin.told == [("The WebSockets of 2 users were disconnected.", 25)]
    layer.error = ConnectionError("Redis is down")
    disconnect_users(model_admin, None, chosen)  # type: ignore[arg-type]  # not looked at
    assert model_admin.told[1][0].startswith("The channel layer failed")
    assert model_admin.told[1][1] == 40


def test_action_needs_the_permission_to_change() -> None:
    from chanx.admin import disconnect_users

    assert disconnect_users.allowed_permissions == ["change"]  # type: ignore[attr-defined]
    assert "Disconnect the WebSockets" in str(
        disconnect_users.short_description  # type: ignore[attr-defined]  # set by the decorator
    )


def test_names_are_those_of_the_package() -> None:
    for name in ("adisconnect_user", "arecheck_user", "disconnect_user", "recheck_user"):
        assert getattr(chanx, name) is getattr(revocation, name)
