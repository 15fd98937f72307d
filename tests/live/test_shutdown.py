"""What clients and consumers see of SIGTERM, with as many connections as a process may have."""

import asyncio
import resource
import signal
import time
from collections import Counter

import pytest

from tests.live.clients import Client, connect, connect_all, control
from tests.live.conftest import LIVE_APPLICATION, LIVE_ENVIRONMENT, StartServer, find_lines
from tests.live.processes import Server, start_daphne, start_granian, start_uvicorn

COUNT = 2000
COUNT_OF_OTHERS = 500
"""For the servers that take longer to connect so many."""
AT_ONCE = 50
LIMIT = 39.0
"""Seconds from SIGTERM until the process has ended: less than the 40 after which a drain gives up
what does not end by itself. What it takes on a machine that nobody else uses is less than 5, and
printed: shown by -rP."""


@pytest.fixture(autouse=True)
def _many_files() -> None:
    """Raise the limit on open files, for this process and the servers that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * COUNT + 500
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip(f"{wanted} open files are needed, and the hard limit is {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def open_many(server: Server, count: int) -> list[Client]:
    async def open_one(number: int) -> Client:
        client = await Client.open(server, f"/ws/live/?groups=many&client={number}")
        assert (await client.receive())["payload"]["status_code"] == 200
        return client

    clients = []
    for start in range(0, count, AT_ONCE):
        batch = range(start, min(start + AT_ONCE, count))
        clients += await asyncio.gather(*map(open_one, batch))
    return clients


async def test_many_connections_end_soon_after_sigterm(start: StartServer) -> None:
    with start(LIVE_APPLICATION, environment=LIVE_ENVIRONMENT) as server:
        count = COUNT if start is start_uvicorn else COUNT_OF_OTHERS
        clients = await open_many(server, count)
        for client in clients[:5]:
            await client.send("block")
        async with control(server) as watcher:
            await watcher.wait("blocking", 5)
        waiting = [asyncio.create_task(client.receive_until_closed()) for client in clients]
        begin = time.monotonic()
        server.send_signal(signal.SIGTERM)
        ends = await asyncio.gather(*waiting)
        closed = time.monotonic() - begin
        await asyncio.to_thread(server.wait)
        exited = time.monotonic() - begin
    codes = Counter(code for _, code in ends)
    print(f"closed after {closed:.2f} s, exited after {exited:.2f} s: {codes}")  # noqa: T201 - measured
    server.check_tracebacks()
    assert all(messages == [] for messages, _ in ends)
    assert exited < LIMIT
    if start is start_granian:
        # It cuts the connections while they are being closed: some clients see no code.
        assert set(codes) <= {1006, 1012}
        return
    # Autobahn, under daphne, sends no codes between 1000 and 3000.
    assert codes == {4503 if start is start_daphne else 1012: count}
    ended = find_lines(server, "Disconnecting websocket")
    assert len([line for line in ended if line["path"] == "/ws/live/"]) == count


async def test_handlers_have_their_grace_time_at_sigterm(start: StartServer) -> None:
    if start is start_granian:
        pytest.skip("granian ends its event loop without waiting for the consumers")
    with start(LIVE_APPLICATION, environment=LIVE_ENVIRONMENT) as server:
        paths = [f"/ws/grace/?client={number}" for number in range(5)]
        async with control(server) as watcher, connect_all(server, paths) as clients:
            for client in clients:
                await client.send("ping")
            await watcher.wait("blocking", 5)
            server.send_signal(signal.SIGTERM)
            for client in clients:
                await client.receive_until_closed()
        await asyncio.to_thread(server.wait)
    server.check_tracebacks()
    assert len(find_lines(server, "Finished after the close")) == 5


async def test_second_sigterm_goes_to_the_server_at_once() -> None:
    with start_daphne(LIVE_APPLICATION, environment=LIVE_ENVIRONMENT) as server:
        async with (
            control(server) as watcher,
            connect(server, "/ws/grace/?client=busy") as busy,
            connect(server, "/ws/live/") as client,
        ):
            # daphne gives up a client that is silent after one second, and a handler after eleven.
            await busy.send("block")
            await watcher.wait("blocking", 1, "busy")
            server.send_signal(signal.SIGTERM)
            assert await client.receive_until_closed() == ([], 4503)
            server.send_signal(signal.SIGTERM)
            await asyncio.to_thread(server.wait)
    server.check_tracebacks()
    assert find_lines(server, "Drained") == []


async def test_sigterm_is_left_to_uvicorn() -> None:
    with start_uvicorn(LIVE_APPLICATION, environment=LIVE_ENVIRONMENT) as server:
        async with connect(server, "/ws/live/") as client:
            server.send_signal(signal.SIGTERM)
            assert await client.receive_until_closed() == ([], 1012)
        await asyncio.to_thread(server.wait)
    assert find_lines(server, "Drained") == []
