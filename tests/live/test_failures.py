"""What breaks inside the server, and the server's own end."""

import asyncio
import signal

from tests.live.clients import connect, connect_all, control
from tests.live.conftest import LIVE_APPLICATION, LIVE_ENVIRONMENT, StartServer, find_lines
from tests.live.processes import start_daphne, start_granian, start_uvicorn


async def test_handler_that_raises_costs_its_message_only(start: StartServer) -> None:
    with start(LIVE_APPLICATION, environment=LIVE_ENVIRONMENT) as server:
        async with connect(server, "/ws/live/") as client:
            error = await client.ask("fail")
            assert await client.ask("ping") == {"action": "pong", "payload": None}
    assert error == {"action": "error", "payload": {"detail": "Failed to process message"}}
    [line] = find_lines(server, "Failed to process message")
    assert line["received_action"] == "fail"
    assert line["path"] == "/ws/live/"
    assert "secret of the server" in line["exception"]
    assert len(server.tracebacks) == 1, server.output


async def test_sigterm_with_open_connections(start: StartServer) -> None:
    with start(LIVE_APPLICATION, environment=LIVE_ENVIRONMENT) as server:
        paths = [f"/ws/live/?groups=g&client={number}" for number in range(20)]
        async with control(server) as watcher, connect_all(server, paths) as clients:
            for client in clients[:5]:
                await client.send("block")
            await watcher.wait("blocking", 5)
            server.send_signal(signal.SIGTERM)
            ends = await asyncio.gather(*(client.receive_until_closed() for client in clients))
        await asyncio.to_thread(server.wait)
    server.check_tracebacks()
    if start is start_granian:
        return  # cuts the connections while they are being closed
    # 1012: the service restarts; daphne sends no codes between 1000 and 3000.
    assert ends == [([], 4503 if start is start_daphne else 1012)] * 20
    ended = find_lines(server, "Disconnecting websocket")
    assert len([line for line in ended if line["path"] == "/ws/live/"]) == 20


async def test_sigterm_during_a_broadcast(start: StartServer) -> None:
    with start(LIVE_APPLICATION, environment=LIVE_ENVIRONMENT) as server:
        async with (
            connect_all(server, ["/ws/live/?groups=g"] * 20) as members,
            connect(server, "/ws/live/") as publisher,
        ):
            await publisher.send("publish", {"group": "g", "count": 1_000_000})
            for member in members:
                await member.receive()
            server.send_signal(signal.SIGTERM)
            ends = await asyncio.gather(*(member.receive_until_closed() for member in members))
        await asyncio.to_thread(server.wait)
    server.check_tracebacks()
    for messages, _ in ends:
        numbers = [message["payload"] for message in messages]
        assert numbers == list(range(1, 1 + len(numbers)))


async def test_sigterm_while_more_frames_wait_than_the_inbox_holds() -> None:
    """The socket is not read then, so only the server's own deadline ends the connection."""
    options = ("--timeout-graceful-shutdown", "1")
    with start_uvicorn(LIVE_APPLICATION, *options, environment=LIVE_ENVIRONMENT) as server:
        async with control(server) as watcher, connect(server, "/ws/live/?client=x") as client:
            await client.send("block")
            await watcher.wait("blocking", 1)
            for _ in range(200):
                await client.send("ping")
            server.send_signal(signal.SIGTERM)
            assert await client.receive_until_closed() == ([], 1012)
        await asyncio.to_thread(server.wait)
    server.check_tracebacks()
