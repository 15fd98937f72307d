"""Messages that no client should send."""

import asyncio
import json
from typing import Any, Final

from websockets.exceptions import ConnectionClosed

from benchmarks.faults.case import Fault, Outcome
from benchmarks.faults.client import Client, clients
from benchmarks.faults.server import run_server

_BAD: Final[dict[str, str | bytes]] = {
    "bad JSON": "{'action': 'ping'}",
    "empty": "",
    "binary": b'{"action":"ping","payload":null}',
    "array": '[{"action":"ping"}]',
}
_BIG: Final = 15_000_000
_AT_ONCE: Final = 20
_MAX_FRAME: Final = 65_536


async def _try_frame(client: Client, frame: str | bytes) -> tuple[str, str]:
    """Send a frame; return what came of it ("answered", "silent" or a close code) and the text."""
    await client.websocket.send(frame)
    try:
        # The pong comes after the answer, or instead of it.
        await client.send("ping")
        text = await client.receive_text(5.0)
        if '"pong"' in text and '"error"' not in text:
            return "silent", text
        await client.receive_until("pong")
    except TimeoutError:
        return "hangs", ""
    except ConnectionClosed as closed:
        return str(closed.rcvd.code if closed.rcvd else 1006), ""
    return "answered", text


async def try_bad_frames(peer: str) -> Outcome:
    """Send each of the bad frames on a connection of its own."""
    async with run_server(peer) as server, clients(server, len(_BAD)) as opened:
        ends = [
            (await _try_frame(client, frame))[0]
            for client, frame in zip(opened, _BAD.values(), strict=True)
        ]
        await server.stop()
    alive, errors = len([end for end in ends if not end.isdigit()]), ends.count("answered")
    return Outcome(
        f"{alive} of {len(ends)} connections live, {errors} got an error; "
        f"{server.tracebacks} tracebacks",
        is_good=errors == len(ends) and not server.tracebacks,
        figures={"alive": alive, "errors": errors, "tracebacks": server.tracebacks},
    )


async def try_levels(peer: str) -> Outcome:
    """Send arrays in arrays: as many as fit into 64 KiB, and more."""
    parts = []
    is_good = True
    async with run_server(peer) as server, clients(server, 2) as opened:
        for client, levels in zip(opened, (30_000, 100_000), strict=True):
            end, _ = await _try_frame(client, "[" * levels + "]" * levels)
            is_good &= end == "answered" or (levels > 65_536 / 2 and end == "1009")
            said = "error" if end == "answered" else end
            parts.append(f"{levels:,}: {f'closed with {end}' if end.isdigit() else said}")
        await server.stop()
    return Outcome(
        f"{'; '.join(parts)}; {server.tracebacks} tracebacks",
        is_good=is_good and not server.tracebacks,
        figures={"tracebacks": server.tracebacks},
    )


async def try_missing_action(peer: str) -> Outcome:
    """Send 50,000 characters without an action."""
    frame = json.dumps({"payload": "x" * 50_000})
    async with run_server(peer) as server, clients(server, 1) as (client,):
        await client.websocket.send(frame)
        try:
            text = await client.receive_text()
        except (TimeoutError, ConnectionClosed) as error:
            return Outcome(f"no answer ({type(error).__name__})", is_good=False)
        action = json.loads(text).get("action")
        alive = await client.is_alive()
    return Outcome(
        f'answered with "{action}" of {len(text.encode()):,} bytes'
        + ("" if alive else ", then closed"),
        is_good=action == "error" and alive and len(text) <= 1024,
        figures={"bytes": len(text)},
    )


async def try_numbers(peer: str) -> Outcome:
    """Send an integer of 10,000 digits, and NaN, to be sent back."""
    found = {}
    async with run_server(peer) as server, clients(server, 2) as opened:
        for client, (name, value) in zip(
            opened, {"10,000 digits": "9" * 10_000, "NaN": "NaN"}.items(), strict=True
        ):
            end, text = await _try_frame(client, f'{{"action":"echo","payload":{value}}}')
            if end == "answered":
                found[name] = _describe_number(text)
            else:
                found[name] = f"closed with {end}" if end.isdigit() else end
        await server.stop()
    return Outcome(
        "; ".join(f"{name}: {what}" for name, what in found.items()),
        is_good=set(found.values()) == {"error"} and not server.tracebacks,
        figures={"tracebacks": server.tracebacks},
    )


def _describe_number(text: str) -> str:
    message: dict[str, Any] = json.loads(text)
    if message.get("action") == "error":
        return "error"
    if "NaN" in text:
        return "sent back as NaN, which is not JSON"
    return "sent back as null" if message.get("payload") is None else "sent back"


async def _send_big_messages(peer: str, max_frame: int | None) -> Outcome:
    frame = json.dumps({"action": "echo", "payload": "x" * _BIG})

    async def send(client: Client) -> int | None:
        """Return the close code; None when the message was taken."""
        try:
            await client.websocket.send(frame)
            await client.receive_text(60.0)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006
        return None

    async with run_server(peer, max_frame=max_frame) as server, clients(server, _AT_ONCE) as opened:
        before = server.peak_mib
        codes = await asyncio.gather(*map(send, opened))
        peak = server.peak_mib
    closed = [code for code in codes if code is not None]
    by_code = ", ".join(map(str, sorted(set(closed))))
    ends = f"{len(closed)} closed with {by_code}" if closed else "all served"
    return Outcome(
        f"peak {peak:,} MiB (idle {before}); {ends}",
        is_good=codes == [1009] * _AT_ONCE,
        figures={"idle_mib": before, "peak_mib": peak, "closed": len(closed)},
    )


async def send_big_messages(peer: str) -> Outcome:
    """Send 20 messages of 15 MB at once; the server's own limit is 16 MiB."""
    return await _send_big_messages(peer, None)


async def send_big_messages_to_limited_server(peer: str) -> Outcome:
    """Do so when the server is told to take 64 KiB."""
    outcome = await _send_big_messages(peer, _MAX_FRAME)
    grown = outcome.figures["peak_mib"] - outcome.figures["idle_mib"]
    return Outcome(
        outcome.text, outcome.figures["closed"] == _AT_ONCE and grown < 64, outcome.figures
    )


FAULTS = (
    Fault("bad_frames", "bad JSON, empty frame, binary frame, array", try_bad_frames),
    Fault("levels", "30,000 and 100,000 levels of arrays (60 KB, 200 KB)", try_levels),
    Fault("missing_action", "no action, 50 KB of payload", try_missing_action),
    Fault("numbers", "an integer of 10,000 digits; NaN", try_numbers),
    Fault("big_messages", "20 messages of 15 MB at once", send_big_messages),
    Fault(
        "big_messages_server_limit",
        "the same, uvicorn with `--ws-max-size 65536`",
        send_big_messages_to_limited_server,
    ),
)
