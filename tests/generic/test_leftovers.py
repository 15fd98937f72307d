"""Nothing of a connection survives it: no object, no task, no timer, no membership."""

import asyncio
import gc
import json
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from chanx.integrations.channel_layer import get_hub
from tests.app.consumers import OpenConsumer
from tests.app.messages import DoMessage

CONNECTIONS = 10_000
AT_ONCE = 100


class Watched(OpenConsumer):
    """Uses what a consumer may use, and is watched."""

    instances: list[weakref.ref[Any]] = []
    concurrent_messages = 2
    idle_timeout = 1000

    def __init__(self) -> None:
        super().__init__()
        self.instances.append(weakref.ref(self))

    async def build_groups(self) -> list[str]:
        """Return two groups."""
        return ["all", "some"]

    async def do_fail(self) -> None:
        """Raise."""
        raise RuntimeError("as asked")

    async def do_wait(self) -> None:
        """Wait until the connection ends."""
        await asyncio.Event().wait()

    async def do_join(self) -> None:
        """Use the own channel."""
        await self.channel_layer.group_add("more", self.channel_name)


async def live(application: Any, texts: list[str]) -> None:
    """Connect, send, get all answers that come, and vanish."""
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    answered = asyncio.Event()
    expected = 1 + sum("wait" not in text and "join" not in text for text in texts)
    seen = 0

    async def send(event: Any) -> None:
        nonlocal seen
        seen += event["type"] == "websocket.send"
        if seen >= expected:
            answered.set()

    scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
    running = asyncio.create_task(application(scope, incoming.get, send))
    incoming.put_nowait({"type": "websocket.connect"})
    for text in texts:
        incoming.put_nowait({"type": "websocket.receive", "text": text})
    await answered.wait()
    incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
    await running


@pytest.mark.usefixtures("layer")
async def test_ten_thousand_connections(leftover: Callable[[], set[str]], logs: list[Any]) -> None:
    application = Watched.as_asgi()
    texts = [
        json.dumps({"action": "ping"}),
        "no JSON",
        DoMessage(payload="fail").model_dump_json(),
        DoMessage(payload="join").model_dump_json(),
        json.dumps({"action": "ping"}),
        DoMessage(payload="wait").model_dump_json(),
    ]
    Watched.instances.clear()
    for _ in range(CONNECTIONS // AT_ONCE):
        await asyncio.gather(*(live(application, texts) for _ in range(AT_ONCE)))
        logs.clear()
    found = get_hub("default")
    assert found
    for name in ("all", "some", "more"):
        assert found[0].get_members(name) == ()
    gc.collect()
    assert len(Watched.instances) == CONNECTIONS
    assert [ref for ref in Watched.instances if ref() is not None] == []
    # What the hub does when the last member has left a group may take a turn or two more.
    while left := {task for task in leftover() if "leaving groups" in task}:
        assert len(left) < 10
        await asyncio.sleep(0)
    assert leftover() == set()
    loop: Any = asyncio.get_running_loop()
    timers = [handle for handle in loop._scheduled if not handle.cancelled()]
    assert all("refresh" in repr(handle) for handle in timers), timers
