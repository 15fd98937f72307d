"""Frames that no client should send: one error for each, and the connection lives on."""

import json
from typing import Any

import pytest

from tests.live.clients import connect
from tests.live.processes import Server

LONGEST_REPLY = 2048


def echo(text: str) -> str:
    """Return an otherwise good message with this JSON in it."""
    return f'{{"action":"echo","payload":{text}}}'


BAD_FRAMES: dict[str, str | bytes] = {
    "invalid JSON": "{'action': 'ping'}",
    "half a message": '{"action":"ping"',
    "empty": "",
    "empty binary": b"",
    "blank": " \n",
    "binary": b'{"action":"ping","payload":null}',
    "null": "null",
    "array": '[{"action":"ping"}]',
    "string": '"ping"',
    "number": "1",
    "no action": '{"payload":1}',
    "no action, no payload": "{}",
    "unknown action": '{"action":"dance","payload":null}',
    "long unknown action": json.dumps({"action": "x" * 100_000}),
    "action of another server": '{"action":"pong","payload":null}',
    "null action": '{"action":null,"payload":null}',
    "number as action": '{"action":1,"payload":null}',
    "array as action": '{"action":["ping"],"payload":null}',
    "object as action": '{"action":{"ping":1},"payload":null}',
    "wrong payload": '{"action":"number","payload":"one"}',
    "long wrong payload": json.dumps({"action": "number", "payload": "x" * 100_000}),
    "no payload": '{"action":"number"}',
    "many levels, open": "[" * 100_000,
    "many levels, closed": "[" * 100_000 + "]" * 100_000,
    "many levels in the payload": echo("[" * 100_000 + "]" * 100_000),
    "many levels of objects": echo('{"a":' * 100_000 + "1" + "}" * 100_000),
    "lone surrogate": echo(r'"\ud800"'),
    "lone surrogate as key": echo(r'{"\udc00":1}'),
    "lone surrogate in the action": r'{"action":"ping\ud83d","payload":null}',
    "lone surrogate as action": r'{"action":"\ud800","payload":null}',
    "NaN": echo("NaN"),
    "infinity": echo("[1,-Infinity]"),
    "NaN as number": '{"action":"number","payload":NaN}',
    "one level too many": echo("[" * 64 + "]" * 64),
    "integer too large": echo(str(2**64)),
    "number beyond a double": echo("1e999"),
    "long integer": echo("9" * 10_000),
    "long integer as number": '{"action":"number","payload":' + "9" * 10_000 + "}",
}


@pytest.mark.parametrize("name", BAD_FRAMES)
async def test_bad_frame_is_one_error(live: Server, name: str) -> None:
    async with connect(live, "/ws/live/") as client:
        await client.send_raw(BAD_FRAMES[name])
        await client.send("ping")
        error, pong = await client.receive_many(2)
    assert error["action"] == "error"
    assert len(error["payload"]) == 1
    assert set(error["payload"][0]) == {"type", "loc", "msg"}
    assert error["payload"][0]["loc"][0] == "message"
    assert len(json.dumps(error)) < LONGEST_REPLY
    assert pong["action"] == "pong"


@pytest.mark.parametrize("name", ["x" * 100_000, "\N{GRINNING FACE}" * 1000, "\x00", "a\nb"])
async def test_odd_keys_are_no_errors(live: Server, name: str) -> None:
    async with connect(live, "/ws/live/") as client:
        answer = await client.ask("echo", {name: name})
    assert answer == {"action": "echo", "payload": {name: name}}


def make_unusual_values() -> dict[str, Any]:
    return {
        "largest integer": 2**64 - 1,
        "smallest integer": -(2**63),
        "large number": 1e308,
        "emoji": "\N{GRINNING FACE}",
        "control characters": "".join(map(chr, range(32))),
        "as many levels as may be, with the message": json.loads("[" * 63 + "]" * 63),
    }


@pytest.mark.parametrize("name", make_unusual_values())
async def test_unusual_values_come_back_unchanged(live: Server, name: str) -> None:
    value = make_unusual_values()[name]
    async with connect(live, "/ws/live/") as client:
        assert (await client.ask("echo", value))["payload"] == value


async def test_bad_frames_in_a_row_are_answered_in_order(live: Server) -> None:
    async with connect(live, "/ws/live/") as client:
        for number, frame in enumerate(BAD_FRAMES.values()):
            await client.send_raw(frame)
            await client.send("echo", number)
        messages = await client.receive_many(2 * len(BAD_FRAMES))
    assert {message["action"] for message in messages[::2]} == {"error"}
    assert [message["payload"] for message in messages[1::2]] == list(range(len(BAD_FRAMES)))
