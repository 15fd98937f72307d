"""Every frame has exactly one outcome, whatever happens, in whatever order."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chanx.engine.registry import registry
from chanx.engine.stats import counters
from chanx.testing import WebsocketCommunicator
from tests.app.consumers import OpenConsumer, override
from tests.app.messages import DoMessage
from tests.clock import Clock
from tests.conftest import Connect
from tests.patience import PATIENCE

PING = json.dumps({"action": "ping"})


@pytest.fixture(autouse=True)
def _fresh_counters() -> Iterator[None]:
    counters.reset()
    yield
    counters.reset()


class Server:
    """A server that can be told not to take what is sent."""

    def __init__(self, application: Any) -> None:
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: list[Any] = []
        self.takes = asyncio.Event()
        self.takes.set()
        scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
        self.task = asyncio.create_task(application(scope, self.incoming.get, self._send))
        self.incoming.put_nowait({"type": "websocket.connect"})

    async def _send(self, event: Any) -> None:
        await self.takes.wait()
        self.sent.append(event)

    def put(self, text: str) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    async def settle(self) -> None:
        """Let everything that can go on do so."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def end(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
        async with asyncio.timeout(PATIENCE):
            await self.task


class Everything(OpenConsumer):
    """Does what may go wrong."""

    message_rate = 50
    message_burst = 5
    max_invalid_messages = 3
    handler_timeout = 0.01
    max_message_size = 1000
    inbox_frames = 3

    async def do_fail(self) -> None:
        """Raise."""
        raise RuntimeError("as asked")

    async def do_wait(self) -> None:
        """Wait until cancelled."""
        await asyncio.Event().wait()

    async def do_close(self) -> None:
        """Close."""
        await self.close()

    async def do_pause(self) -> None:
        """Give the loop a few turns."""
        for _ in range(3):
            await asyncio.sleep(0)


TEXTS = {
    "ping": PING,
    "bad": "no JSON",
    "big": "x" * 1001,
    **{
        f"do {name}": DoMessage(payload=name).model_dump_json()
        for name in ("fail", "wait", "close", "pause")
    },
}
STEPS = st.lists(st.sampled_from([*TEXTS, "stall", "resume", "turn", "time"]), max_size=12)


# The fixture's counters are begun anew by each example itself.
FIXTURE = HealthCheck.function_scoped_fixture


@settings(max_examples=60, suppress_health_check=[FIXTURE, HealthCheck.too_slow])
@given(STEPS, st.booleans(), st.sampled_from([1, 3]), st.sampled_from(["plain", "all"]))
async def test_outcomes_add_up(
    steps: list[str], completes: bool, at_once: int, variant: str
) -> None:
    counters.reset()
    attributes = {"send_completion": completes, "concurrent_messages": at_once}
    consumer: Any = type("Some", (override(Everything, variant),), attributes)
    server = Server(consumer.as_asgi())
    await server.settle()
    for step in steps:
        if step == "stall":
            server.takes.clear()
        elif step == "resume":
            server.takes.set()
        elif step == "turn":
            await server.settle()
        elif step == "time":
            passed = asyncio.Event()
            asyncio.get_running_loop().call_later(0.012, passed.set)
            await passed.wait()
        else:
            server.put(TEXTS[step])
    unread = server.incoming.qsize()
    server.takes.set()
    if unread:
        await server.settle()
    await server.end()
    frames = len([step for step in steps if step in TEXTS])
    # What the server has not handed over when it says good-bye was never received.
    assert counters.received <= frames
    assert sum(counters.messages_in.values()) == counters.received
    assert all(count >= 0 for count in counters.messages_in.values())
    assert len(registry) == 0


@pytest.mark.parametrize("completes", [False, True])
async def test_client_that_goes_while_its_reply_waits(completes: bool) -> None:
    class Echo(OpenConsumer):
        send_completion = completes

    server = Server(Echo.as_asgi())
    await server.settle()
    server.takes.clear()
    server.put(PING)
    await server.settle()
    await server.end()
    assert counters.received == 1
    assert sum(counters.messages_in.values()) == 1


async def test_frame_of_the_layer_is_no_frame_of_a_client(connect: Connect, layer: Any) -> None:
    class Grouped(OpenConsumer):
        async def build_groups(self) -> list[str]:
            return ["room"]

    client = await connect(Grouped.as_asgi())
    await layer.group_send("room", {"type": "websocket.receive", "text": PING})
    assert (await client.receive_json_from())["action"] == "pong"
    assert counters.received == 0
    assert counters.messages_in == {}


@pytest.mark.parametrize("content", [b"nonsense", b"[]", b"{"])
async def test_unknown_action_of_a_consumer_with_frames_of_its_own(content: bytes) -> None:
    class Binary(OpenConsumer):
        async def receive(
            self, text_data: Any = None, bytes_data: bytes | None = None, **kwargs: Any
        ) -> None:
            await self.receive_json({"action": (bytes_data or b"").decode()})

    offered = ["chanx", "chanx.heartbeat"]
    client = WebsocketCommunicator(Binary.as_asgi(), "/ws/", subprotocols=offered)
    await client.connect()
    await client.receive_json_from()
    await client.send_to(bytes_data=content)
    [message] = await client.receive_all_json()
    assert message["action"] == "error"
    await client.disconnect()
    assert counters.messages_in == {"invalid": 1}


async def test_disconnect_that_never_ends_is_ended(logs: list[Any], clock: Clock) -> None:
    begun = asyncio.Event()

    class Stuck(OpenConsumer):
        handler_timeout = 0.01

        async def disconnect(self, code: int) -> None:
            begun.set()
            await asyncio.Event().wait()

    server = Server(Stuck.as_asgi())
    await server.settle()
    ending = asyncio.create_task(server.end())
    await begun.wait()
    clock.advance(0.02)
    await ending
    [line] = [line for line in logs if line["event"] == "Handler took too long"]
    assert line["event_type"] == "websocket.disconnect"
    assert len(registry) == 0


async def test_connection_is_known_until_its_consumer_has_cleaned_up() -> None:
    may_end, begun = asyncio.Event(), asyncio.Event()

    class Leaving(OpenConsumer):
        async def disconnect(self, code: int) -> None:
            begun.set()
            await may_end.wait()

    server = Server(Leaving.as_asgi())
    await server.settle()
    ending = asyncio.create_task(server.end())
    await begun.wait()
    assert len(registry) == 1
    may_end.set()
    await ending
    assert len(registry) == 0


@pytest.mark.usefixtures("layer")
async def test_missed_messages_are_counted_without_their_completions() -> None:
    class Talkative(OpenConsumer):
        send_completion = True
        slow_client_policy = "drop_newest"
        outbox_frames = 4

        async def build_groups(self) -> list[str]:
            return ["room"]

        async def do_publish(self) -> None:
            for number in range(10):
                content = {"action": "said", "number": number}
                await self.send_to_groups(content, ["room"], exclude_current=False)

    slow = Server(Talkative.as_asgi())
    await slow.settle()
    slow.takes.clear()
    sender = Server(Talkative.as_asgi())
    await sender.settle()
    sender.put(DoMessage(payload="publish").model_dump_json())
    await sender.settle()
    await sender.settle()
    slow.takes.set()
    await slow.settle()
    await sender.end()
    await slow.end()
    messages = [json.loads(each["text"]) for each in slow.sent if "text" in each]
    said = [message for message in messages if message["action"] == "said"]
    told = [message for message in messages if message["action"] == "dropped"]
    assert 0 < len(said) < 10
    assert told == [{"action": "dropped", "payload": {"count": 10 - len(said)}}]
    completed = [message for message in messages if message["action"] == "group_complete"]
    assert len(completed) == len(said)
