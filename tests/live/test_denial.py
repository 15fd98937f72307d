"""Handshakes that are refused before they are accepted, with what servers make of it."""

import json

import pytest
from websockets.exceptions import InvalidStatus

from tests.live.clients import Client, connect
from tests.live.conftest import LIVE_APPLICATION, LIVE_ENVIRONMENT, StartServer, find_lines
from tests.live.processes import Server, start_daphne, start_uvicorn


async def get_refusal(
    server: Server, path: str, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    with pytest.raises(InvalidStatus) as caught:
        await Client.open(server, path, headers)
    response = caught.value.response
    return response.status_code, bytes(response.body or b"")


@pytest.mark.parametrize("start", [start_uvicorn, start_daphne])
async def test_refusals_before_accept(start: StartServer) -> None:
    with start(LIVE_APPLICATION, environment=LIVE_ENVIRONMENT) as server:
        foreign = {"Origin": "https://evil.com"}
        refusals = [
            await get_refusal(server, "/ws/live/", foreign),
            await get_refusal(server, "/ws/closed/"),
        ]
        # Own pages, and clients that are no browsers, get in.
        async with connect(server, "/ws/live/", {"Origin": f"http://127.0.0.1:{server.port}"}):
            pass
        async with connect(server, "/ws/live/"):
            pass
    lines = find_lines(server, "Refused a connection")
    assert [line["reason"] for line in lines] == ["origin", "authentication"]
    assert lines[1]["status"] == 401
    server.check_tracebacks()
    assert "without completing handshake" not in server.output
    if start is start_daphne:  # it has no denial responses
        assert [status for status, _ in refusals] == [403, 403]
    else:
        assert [(status, json.loads(body)) for status, body in refusals] == [
            (403, {"detail": "Origin not allowed"}),
            (401, {"detail": "Authentication credentials were not provided."}),
        ]
