"""Commands over the channel layer, in one process that stands for all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from channels.layers import BaseChannelLayer, InMemoryChannelLayer
from pydantic import BaseModel

import chanx
from chanx.engine.hub import MARKS
from chanx.engine.registry import registry
from chanx.exceptions import BrokerError, NoChannelLayer
from chanx.integrations.channel_layer import ChannelLayerBroker, get_hub
from chanx.integrations.control import GROUP, REPLY_TYPE, Command, commands
from chanx.integrations.control_request import NotShared, Reply, request
from chanx.messages.incoming import PingMessage
from chanx.testing import WebsocketCommunicator
from chanx.utils.settings import settings_context
from tests.app.consumers import OpenConsumer, RoomConsumer
from tests.clock import Clock
from tests.conftest import Connect, UseLayer
from tests.engine.fakes import settle
from tests.patience import PATIENCE


class SharedLayer(BaseChannelLayer):
    """As good as one that other processes share; ``failures`` break as many group_add() calls."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = InMemoryChannelLayer()
        self.failures = 0
        self.joined = asyncio.Event()

    async def new_channel(self, prefix: str = "specific.") -> str:
        return str(await self.inner.new_channel(prefix))

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        await self.inner.send(channel, message)

    async def receive(self, channel: str) -> dict[str, Any]:
        received: dict[str, Any] = await self.inner.receive(channel)
        return received

    async def group_add(self, group: str, channel: str) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the layer is down")
        await self.inner.group_add(group, channel)
        if group == GROUP:
            self.joined.set()

    async def group_discard(self, group: str, channel: str) -> None:
        await self.inner.group_discard(group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self.inner.group_send(group, message)

    async def wait_until_joined(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.joined.wait()


@pytest.fixture(autouse=True)
def _no_deadline() -> Iterator[None]:
    """Let no pause be taken for a layer that does not answer."""
    with settings_context(BROKER_TIMEOUT=PATIENCE):
        yield


@pytest.fixture
async def layer(use_layer: UseLayer) -> AsyncIterator[SharedLayer]:
    """A layer that may be shared; what reads it is stopped after the test."""
    before = asyncio.all_tasks()
    yield use_layer(SharedLayer())
    chanx.undrain()
    ours = asyncio.all_tasks() - before - {asyncio.current_task()}
    for task in ours:
        task.cancel()
    await asyncio.gather(*ours, return_exceptions=True)


@pytest.fixture
async def joined(layer: SharedLayer, connect: Connect) -> SharedLayer:
    """The layer, with one connection, whose process has joined."""
    await connect(OpenConsumer.as_asgi())
    await layer.wait_until_joined()
    return layer


async def ask(command: str, arguments: dict[str, Any] | None = None) -> list[Reply]:
    """Return the answer of the one process that there is, when it has done what it was told."""
    return await request(command, arguments, wait=PATIENCE, count=1)


def select(logs: list[Any], event: str) -> list[Any]:
    return [line for line in logs if line["event"] == event]


async def wait_for_line(logs: list[Any], event: str) -> Any:
    async with asyncio.timeout(PATIENCE):
        while not (found := select(logs, event)):
            await asyncio.sleep(0)
    return found[0]


async def test_process_joins_once_with_its_first_connection(
    layer: SharedLayer, connect: Connect
) -> None:
    for _ in range(3):
        await connect(RoomConsumer.as_asgi())
    await layer.wait_until_joined()
    assert len(layer.inner.groups[GROUP]) == 1
    found = get_hub("default")
    assert found
    assert len(found[0].get_members(GROUP)) == 1


async def test_no_process_joins_over_a_layer_in_memory(
    use_layer: UseLayer, connect: Connect
) -> None:
    layer = use_layer(InMemoryChannelLayer())
    await connect(RoomConsumer.as_asgi())
    assert GROUP not in layer.groups


async def test_connection_does_not_wait_for_it(layer: SharedLayer, connect: Connect) -> None:
    layer.failures = 1_000_000
    client = await connect(OpenConsumer.as_asgi())
    await client.send_json_to({"action": "ping"})
    assert await client.receive_json_from() == {"action": "pong", "payload": None}


async def test_stats(joined: SharedLayer) -> None:
    [reply] = await ask("stats")
    assert reply.error is None
    assert reply.result["pid"] == reply.pid == chanx.stats().pid
    assert reply.result["connections"]["open"] == 1


async def test_drain_and_back(joined: SharedLayer, connect: Connect) -> None:
    client = await connect(OpenConsumer.as_asgi())
    asking = asyncio.create_task(ask("drain", {"batch": 5}))
    assert (await client.receive_output(PATIENCE))["code"] == 1012
    await client.disconnect(1012)
    for connection in registry.get_connections():
        connection.abort(1012)
    [reply] = await asking
    assert (reply.result, reply.is_done) == (2, True)
    assert registry.is_draining
    [reply] = await ask("undrain")
    assert reply.error is None
    assert not registry.is_draining


@pytest.fixture
def add_command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let processes be told something more."""

    def add(name: str, **kwargs: Any) -> None:
        monkeypatch.setitem(commands, name, Command(**kwargs))

    return add


class Number(BaseModel):
    """The argument of the commands here."""

    number: int = 1


async def test_command_that_takes_time_is_waited_for(
    joined: SharedLayer, add_command: Callable[..., None], clock: Clock
) -> None:
    release = asyncio.Event()

    async def run(arguments: Number) -> int:
        await release.wait()
        return arguments.number + 1

    add_command("slow", run=run, arguments=Number, takes_time=True)
    asking = asyncio.create_task(request("slow", wait=1, timeout=2))
    for _ in range(2):
        await settle()
        assert not asking.done()
        clock.advance(1)
    [reply] = await asking
    assert not reply.is_done
    asking = asyncio.create_task(request("slow", {"number": 7}, wait=1, timeout=2))
    await settle()
    clock.advance(1)
    await settle()
    assert not asking.done()
    release.set()
    [reply] = await asking
    assert (reply.result, reply.is_done) == (8, True)


async def test_arguments_are_validated(joined: SharedLayer, logs: list[Any]) -> None:
    [reply] = await ask("drain", {"batch": -1, "secret": "token"})
    assert reply.error
    assert "('batch',): Input should be greater than or equal to 1" in reply.error
    assert "token" not in reply.error
    assert not registry.is_draining
    assert select(logs, "Performing a control command") == []


async def test_command_that_fails_is_logged_and_told_without_details(
    joined: SharedLayer, add_command: Callable[..., None], logs: list[Any]
) -> None:
    async def run(arguments: Number) -> None:
        raise RuntimeError("secret of the server")

    add_command("fail", run=run, arguments=Number)
    [reply] = await ask("fail")
    assert reply.error == "RuntimeError"
    [line] = select(logs, "Failed to perform a control command")
    assert line["command"] == "fail"


@pytest.mark.parametrize(
    "event",
    [
        {"command": "dance", "reply_to": "x", "id": "1"},
        {"command": ["stats"], "reply_to": "x", "id": "1"},
        {"command": "stats", "id": "1"},
        {"command": "stats", "reply_to": 1, "id": "1"},
        {"command": "stats", "reply_to": "x"},
        {},
    ],
)
async def test_unknown_and_malformed_commands_are_ignored(
    joined: SharedLayer, logs: list[Any], event: dict[str, Any]
) -> None:
    await joined.group_send(GROUP, {"type": "chanx.control", **event})
    await wait_for_line(logs, "Ignored a control command")
    assert select(logs, "Performing a control command") == []
    assert len(await ask("stats")) == 1


@pytest.mark.parametrize("group", [GROUP, MARKS, "chanx.anything"])
async def test_consumers_do_not_reach_the_groups_of_chanx(
    joined: SharedLayer, connect: Connect, group: str
) -> None:
    """They may take the name of a group from their clients."""
    refused = []

    class Consumer(OpenConsumer):
        async def post_authentication(self) -> None:
            event = {"type": "chanx.control", "command": "drain", "reply_to": "x", "id": "1"}
            layer = self.channel_layer
            for call in (
                lambda: self.send_to_groups(event, [group]),
                lambda: self.send_group_message(PingMessage(), [group]),
                lambda: layer.group_send(group, event),
                lambda: layer.group_add(group, self.channel_name),
                lambda: layer.group_add(group, "specific.other"),
                lambda: layer.group_discard(group, "specific.other"),
            ):
                with pytest.raises(ValueError, match=r"begin with 'chanx\.'") as caught:
                    await call()
                refused.append(caught.value)

    await connect(Consumer.as_asgi())
    assert len(refused) == 6
    assert "specific.other" not in joined.inner.groups.get(group, {})
    assert len(await ask("stats")) == 1  # after what would have been published
    assert not registry.is_draining


async def test_consumer_that_joins_a_group_of_chanx_is_closed(
    joined: SharedLayer, logs: list[Any]
) -> None:
    class Consumer(OpenConsumer):
        async def build_groups(self) -> list[str]:
            return ["room", GROUP]

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.assert_closed(4500)
    assert "room" not in joined.inner.groups
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert "chanx.control" in str(line["exc_info"])


async def test_group_message_is_no_command(joined: SharedLayer) -> None:
    content = {"type": "chanx.control", "command": "drain", "reply_to": "x", "id": "1"}
    await joined.group_send(GROUP, {"type": "send_group_member", "content": content})
    assert len(await ask("stats")) == 1
    assert not registry.is_draining


async def test_more_answers_than_were_wanted_are_enough(use_layer: UseLayer) -> None:
    class Hasty(SharedLayer):
        """Two processes have answered before the one that asks looks."""

        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            if group != GROUP:
                await super().group_send(group, message)
                return
            to = message["reply_to"]
            for process in "ab":
                reply = {"type": REPLY_TYPE, "id": message["id"], "process": process, "pid": 1}
                await self.send(to, reply)
            while self.inner.channels.get(to) and not self.inner.channels[to].empty():
                await asyncio.sleep(0)

    use_layer(Hasty())
    async with asyncio.timeout(PATIENCE):
        replies = await request("stats", count=1, wait=3600)
    assert [reply.process for reply in replies] == ["a", "b"]


async def test_number_of_commands_at_once_is_bounded(
    joined: SharedLayer, add_command: Callable[..., None], logs: list[Any]
) -> None:
    running = []

    async def run(arguments: Number) -> None:
        running.append(arguments)
        await asyncio.Event().wait()

    add_command("wait", run=run, arguments=Number)
    event = {"type": "chanx.control", "command": "wait", "reply_to": "x", "id": "1"}
    for _ in range(20):
        await joined.group_send(GROUP, event)
    line = await wait_for_line(logs, "Ignored a control command")
    assert line["reason"] == "too many"
    assert len(running) == 16


async def test_layer_that_fails_at_first_is_joined_later(
    layer: SharedLayer, connect: Connect
) -> None:
    layer.failures = 3
    await connect(OpenConsumer.as_asgi())
    await layer.wait_until_joined()
    assert len(await ask("stats")) == 1


async def test_nobody_answers(layer: SharedLayer) -> None:
    assert await request("stats", wait=0.01) == []


async def test_layer_that_fails(layer: SharedLayer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*args: Any) -> None:
        raise ConnectionError("the layer is down")

    monkeypatch.setattr(layer, "group_send", fail)
    with pytest.raises(BrokerError, match="the layer is down"):
        await request("stats")


async def test_command_that_does_not_exist(layer: SharedLayer) -> None:
    with pytest.raises(ValueError, match="There is no command 'dance': use one of stats, drain"):
        await request("dance")


async def test_layers_that_reach_nobody(use_layer: UseLayer) -> None:
    with pytest.raises(NoChannelLayer, match="CHANNEL_LAYERS has no 'other'"):
        await request("stats", alias="other")
    use_layer(InMemoryChannelLayer())
    with pytest.raises(NotShared, match=r"CHANNEL_LAYERS\['default'\] is in memory"):
        await request("stats")


async def test_answers_to_others_are_not_taken(joined: SharedLayer) -> None:
    found = get_hub("default")
    assert found
    assert isinstance(found[1], ChannelLayerBroker)
    asking = asyncio.create_task(request("stats", wait=0.1))
    await asyncio.sleep(0)
    channels = [name for name in joined.inner.channels if name.startswith("specific")]
    for name in channels:
        await joined.send(name, {"type": "chanx.control.reply", "id": "x", "process": "other"})
    assert [reply.process for reply in await asking] != ["other"]
