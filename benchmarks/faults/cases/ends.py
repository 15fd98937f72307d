"""Clients that vanish, and servers that are to end."""

import asyncio
import signal
from typing import Final

from benchmarks.faults.case import Fault, Outcome
from benchmarks.faults.client import Client, clients
from benchmarks.faults.server import Server, run_server

_VANISHING: Final = 100
_BUSY: Final = 10


async def _hold_all(opened: list[Client], seconds: float) -> None:
    for client in opened:
        await client.send("hold", {"seconds": seconds})
    await asyncio.gather(*(client.receive_until("holding") for client in opened))


async def _wait_for_handlers(server: Server, count: int, timeout: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout
    # They run in another process, which tells by writing into a file.
    while len(server.handlers) < count and loop.time() < until:  # noqa: ASYNC110  # see above
        await asyncio.sleep(0.05)


async def vanish_in_handlers(peer: str) -> Outcome:
    """Let 100 clients go with a TCP reset while their handlers run, which then send a reply."""
    async with run_server(peer) as server, clients(server, _VANISHING) as opened:
        await _hold_all(opened, 2.0)
        for client in opened:
            client.vanish()
        await _wait_for_handlers(server, _VANISHING, 10.0)
        async with clients(server, 1) as (other,):
            is_alive = await other.is_alive()
        await server.stop()
    handlers, size = server.handlers, len(server.log.encode())
    return Outcome(
        f"{server.tracebacks} tracebacks, {size / 1000:,.0f} KB of log; "
        f"{handlers.count('cancelled')} handlers cancelled, "
        f"{handlers.count('finished')} run to their end",
        is_good=is_alive and not server.tracebacks and len(handlers) == _VANISHING,
        figures={"tracebacks": server.tracebacks, "log_bytes": size},
    )


async def end_busy_server(peer: str) -> Outcome:
    """Send SIGTERM while ten handlers have 3 s to go."""
    async with run_server(peer) as server, clients(server, _BUSY) as opened:
        await _hold_all(opened, 3.0)
        server.process.send_signal(signal.SIGTERM)
        seconds, ends = await asyncio.gather(
            server.stop(15.0), asyncio.gather(*(client.receive_all(15.0) for client in opened))
        )
    replies = sum(message["action"] == "held" for messages, _ in ends for message in messages)
    codes = sorted({code or 0 for _, code in ends})
    finished = server.handlers.count("finished")
    return Outcome(
        f"ends after {seconds:.1f} s; clients see {', '.join(map(str, codes))}; "
        f"{finished} of {_BUSY} handlers finish, {replies} replies arrive; "
        f"{server.tracebacks} tracebacks",
        is_good=seconds < 5 and codes == [1012] and not server.tracebacks,
        figures={"seconds": seconds, "finished": finished, "replies": replies},
    )


FAULTS = (
    Fault("vanish", "100 clients vanish in a handler", vanish_in_handlers),
    Fault("sigterm", "SIGTERM while 10 handlers have 3 s to go", end_busy_server),
)
