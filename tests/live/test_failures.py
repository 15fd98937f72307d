"""What breaks inside the server, and the server's own end."""

import asyncio
import signal

from tests.live.clients import connect, connect_all, control
from tests.live.conftest import LIVE_APPLICATION, LIVE_ENVIRONMENT, StartServer, find_lines
from tests.live.processes import Server


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
    assert server.tracebacks == 1, server.output


async def test_sigterm_with_open_connections(uvicorn: Server) -> None:
    async with control(uvicorn) as watcher:
        paths = [f"/ws/live/?groups=g&client={number}" for number in range(20)]
        async with connect_all(uvicorn, paths) as clients:
            for client in clients[:5]:
                await client.send("block")
            await watcher.wait("blocking", 5)
            uvicorn.send_signal(signal.SIGTERM)
            ends = await asyncio.gather(*(client.receive_until_closed() for client in clients))
    # 1012: the service restarts.
    assert ends == [([], 1012)] * 20
    await asyncio.to_thread(uvicorn.wait)
    assert uvicorn.tracebacks == 0, uvicorn.output
    ended = find_lines(uvicorn, "Disconnecting websocket")
    assert len([line for line in ended if line["path"] == "/ws/live/"]) == 20
