"""Clients that do not read: nobody else notices, and the process does not grow.

Only with uvicorn: daphne has no backpressure, it keeps what a client does not read in its memory.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.clients import Client, Control, connect, connect_all, control
from tests.live.conftest import LIVE_APPLICATION, LIVE_ENVIRONMENT, find_lines
from tests.live.processes import Server, start_uvicorn

MEMORY_BOUND = 32 * 1024 * 1024
"""Bytes by which the process may grow; unread replies or waiting frames alone would be more."""


@pytest.fixture
def uvicorn() -> Iterator[Server]:
    """The live site on uvicorn, for one test alone.

    It sends no pings, which who does not read cannot answer: the connection would end for that.
    """
    options = ("--ws-ping-interval", "0")
    with start_uvicorn(LIVE_APPLICATION, *options, environment=LIVE_ENVIRONMENT) as server:
        yield server


async def test_member_that_does_not_read_is_closed_and_holds_nobody_up(uvicorn: Server) -> None:
    # 6,000 messages of 4 KB: more than any socket buffer takes.
    batches, size, padding = 60, 100, "x" * 4096
    path = "/ws/live/?groups=flood"
    async with (
        control(uvicorn) as watcher,
        connect_all(uvicorn, [f"{path}&client=reader-{n}" for n in range(3)]) as readers,
        connect(uvicorn, "/ws/live/") as publisher,
    ):
        slow = await Client.open(uvicorn, f"{path}&client=slow")
        assert (await slow.receive())["payload"]["status_code"] == 200
        slow.websocket.transport.pause_reading()
        received: list[list[Any]] = [[] for _ in readers]
        for batch in range(batches):
            # The next batch when everybody has this one: a reader never lags, however busy the
            # machine is.
            wanted = {"group": "flood", "start": batch * size, "count": size, "padding": padding}
            await publisher.send("publish", wanted)
            for numbers, reader in zip(received, readers, strict=True):
                numbers += [message["payload"] for message in await reader.receive_many(size)]
        report = await watcher.wait("disconnected", 1, "slow")
        assert report["members"] == {"flood": 3}

        slow.websocket.transport.resume_reading()
        messages, code = await slow.receive_until_closed()
        numbers = [message["payload"] for message in messages]

    assert received == [list(range(batches * size))] * 3
    # What it was sent before it fell behind, and no gap in it.
    assert numbers == list(range(len(numbers)))
    assert len(numbers) < batches * size
    assert code in (1006, 1013)
    uvicorn.stop()  # all that it has written is there
    [line] = find_lines(uvicorn, "Closing slow websocket")
    assert (line["path"], line["level"], line["reason"]) == ("/ws/live/", "warning", "outbox full")
    [line] = [
        line for line in find_lines(uvicorn, "Disconnecting websocket") if line["code"] == 1013
    ]
    uvicorn.check_tracebacks()


async def wait_until_stalled(watcher: Control) -> int:
    """Wait until the process gets no further with the messages of a client.

    It has got no further when it did not while it answered a hundred questions of another client,
    which takes it longer than reading a frame does.
    """
    handled, same = -1, 0
    while same < 100:
        now = (await watcher.report())["counts"].get("echoing", {}).get("unread", 0)
        handled, same = now, same + 1 if now == handled else 0
    return handled


async def test_unread_replies_stop_the_reading_and_take_no_memory(uvicorn: Server) -> None:
    count, payload = 20_000, "x" * 4096
    async with control(uvicorn) as watcher, connect(uvicorn, "/ws/live/?client=unread") as client:
        before = (await watcher.report())["peak_memory"]
        client.websocket.transport.pause_reading()

        async def send_all() -> None:
            for number in range(count):
                await client.websocket.send(f'{{"action":"echo","payload":["{payload}",{number}]}}')

        sending = asyncio.create_task(send_all())
        handled = await wait_until_stalled(watcher)
        assert handled < count
        assert not sending.done()
        client.websocket.transport.resume_reading()
        for number in range(count):
            assert (await client.receive())["payload"][1] == number
        await sending
        after = (await watcher.report())["peak_memory"]
    uvicorn.stop()
    assert after - before < MEMORY_BOUND
    uvicorn.check_tracebacks()


async def test_frames_behind_a_busy_handler_wait_at_the_client(uvicorn: Server) -> None:
    count, payload = 20_000, "x" * 4096
    async with control(uvicorn) as watcher, connect(uvicorn, "/ws/live/?client=busy") as client:
        before = (await watcher.report())["peak_memory"]
        await client.send("block")
        await watcher.wait("blocking", 1, "busy")

        async def send_all() -> None:
            for number in range(count):
                await client.websocket.send(f'{{"action":"echo","payload":["{payload}",{number}]}}')

        sending = asyncio.create_task(send_all())
        assert await wait_until_stalled(watcher) == 0
        assert not sending.done()
        await watcher.ask("release")
        for number in range(count):
            assert (await client.receive())["payload"][1] == number
        await sending
        after = (await watcher.report())["peak_memory"]
    uvicorn.stop()
    assert after - before < MEMORY_BOUND
    uvicorn.check_tracebacks()
