"""Clients that are gone without a word, by a TCP reset, in every stage of a connection.

Of each the consumer hears once, and the log has no traceback (the fixture `live` looks for them).
"""

import asyncio
from typing import Any

import pytest

from tests.live.clients import (
    Client,
    Control,
    connect,
    connect_all,
    control,
    open_handshake,
    reset,
)
from tests.live.conftest import StartServer
from tests.live.processes import DEADLINE, Server, start_granian

COUNT = 100


def make_paths(stage: str, endpoint: str = "live", more: str = "") -> list[str]:
    return [f"/ws/{endpoint}/?client={stage}-{number}{more}" for number in range(COUNT)]


def select(counts: dict[str, dict[str, int]], event: str, stage: str) -> dict[str, int]:
    """Return how often something happened to each client of a stage."""
    clients = counts.get(event, {})
    return {name: count for name, count in clients.items() if name.startswith(f"{stage}-")}


async def check_all_ended(watcher: Control, stage: str, count: int = COUNT) -> dict[str, Any]:
    """Wait until this many connections have ended; each was disconnected exactly once."""
    report = await watcher.wait("ended", count, f"{stage}-")
    begun = select(report["counts"], "begun", stage)
    assert len(begun) == count
    assert select(report["counts"], "disconnected", stage) == dict.fromkeys(begun, 1)
    return report


async def test_in_the_middle_of_the_request(live: Server) -> None:
    for length in range(1, COUNT + 1):
        open_handshake(live, "/ws/live/?client=request-0", length=length).close()
    async with control(live) as watcher:
        assert select((await watcher.report())["counts"], "begun", "request") == {}


async def test_right_after_the_request(live: Server) -> None:
    for path in make_paths("sent", more="&groups=sent"):
        open_handshake(live, path).close()
    async with control(live) as watcher:
        # A reset may be faster than the request it follows: then nothing begins. One that is slower
        # may begin after any report: so what is checked is the first one by which all have ended.
        async with asyncio.timeout(DEADLINE):
            while True:
                report = await watcher.report()
                begun = select(report["counts"], "begun", "sent")
                if select(report["counts"], "ended", "sent") == begun:
                    break
        assert set(begun.values()) <= {1}
        assert select(report["counts"], "disconnected", "sent") == begun
        assert report["members"] == {}


async def test_before_the_handshake_is_answered(live: Server, start: StartServer) -> None:
    if start is start_granian:
        pytest.skip("granian tells an application of a lost client only when it has accepted it")
    async with control(live) as watcher:
        paths = make_paths("handshake", more="&stay=connecting")
        sockets = [open_handshake(live, path) for path in paths]
        await watcher.wait("connecting", COUNT, "handshake-")
        for connection in sockets:
            connection.close()
        await check_all_ended(watcher, "handshake")


async def test_during_authentication(live: Server) -> None:
    async with control(live) as watcher:
        paths = make_paths("authentication", "gated", "&groups=gated")
        # At once: authentication has a deadline.
        clients = await asyncio.gather(*(Client.open(live, path) for path in paths))
        await watcher.wait("authenticating", COUNT, "authentication-")
        for client in clients:
            reset(client)
        # They end although the authentication class still blocks the thread.
        report = await check_all_ended(watcher, "authentication")
        assert report["members"] == {}
        await watcher.ask("open_gate")
    async with connect(live, "/ws/gated/") as client:
        assert await client.ask("ping") == {"action": "pong", "payload": None}


async def test_in_a_handler(live: Server) -> None:
    async with (
        control(live) as watcher,
        connect_all(live, make_paths("handler", more="&groups=handler")) as clients,
    ):
        for client in clients:
            await client.send("block")
            # Behind the one that blocks, and never handled.
            await client.send("echo")
        report = await watcher.wait("blocking", COUNT, "handler-")
        assert report["members"] == {"handler": COUNT}
        for client in clients:
            reset(client)
        report = await check_all_ended(watcher, "handler")
        assert report["members"] == {}
        assert select(report["counts"], "echoing", "handler") == {}


async def test_during_a_broadcast(live: Server) -> None:
    batches, size = 10, 100
    async with (
        control(live) as watcher,
        connect(live, "/ws/live/?client=survivor&groups=broadcast") as survivor,
        connect(live, "/ws/live/?client=publisher") as publisher,
        connect_all(live, make_paths("broadcast", more="&groups=broadcast")) as clients,
    ):

        async def leave(client: Client, after: int) -> None:
            await client.receive_many(after)
            reset(client)

        leaving = [
            asyncio.create_task(leave(client, 5 * number))
            for number, client in enumerate(clients, start=1)
        ]
        received = []
        for batch in range(batches):
            wanted = {"group": "broadcast", "start": batch * size, "count": size}
            await publisher.send("publish", wanted)
            received += await survivor.receive_many(size)
        await asyncio.gather(*leaving)
        report = await check_all_ended(watcher, "broadcast")
        assert report["members"] == {"broadcast": 1}
    assert [message["payload"] for message in received] == list(range(batches * size))


async def test_a_reset_right_after_each_frame(live: Server) -> None:
    async with (
        control(live) as watcher,
        connect_all(live, make_paths("frame", more="&groups=frame")) as clients,
    ):
        for number, client in enumerate(clients):
            await client.send(["ping", "echo", "publish", "name"][number % 4], {"group": "frame"})
            reset(client)
        report = await check_all_ended(watcher, "frame")
        assert report["members"] == {}
