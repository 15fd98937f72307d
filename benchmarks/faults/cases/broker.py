"""Redis that is killed or frozen, and bursts that are more than a channel of it holds."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Final

from websockets.exceptions import ConnectionClosed, InvalidStatus

from benchmarks.faults.case import Fault, Outcome, Run
from benchmarks.faults.client import Client, clients, count_alive
from benchmarks.faults.server import Server, run_server, start_python
from benchmarks.redis import RedisServer
from benchmarks.wire import Layer

_MEMBERS: Final = 20
_DOWN: Final = 3.0
_MESSAGES: Final = 32
_PAUSE: Final = 0.25
_PATIENCE: Final = 12.0
_BURST: Final = 300
_BURST_MEMBERS: Final = 50


class _Publisher:
    """Publishes one message after the other, with a new connection when one has died."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client: Client | None = None

    async def publish(self, number: int) -> None:
        wanted = {"group": "room", "start": number, "count": 1, "padding": 0}
        with contextlib.suppress(ConnectionClosed, TimeoutError, InvalidStatus, OSError):
            self._client = self._client or await Client.open(self._server, timeout=1.0)
            try:
                await self._client.send("publish", wanted)
            except ConnectionClosed:
                self._client = None
                raise


async def _kill_redis(peer: str, layer: Layer) -> Outcome:
    with RedisServer() as redis:
        async with (
            run_server(peer, layer=layer, redis_url=redis.url) as server,
            clients(server, _MEMBERS, ["room"]) as members,
        ):
            redis.kill()
            await asyncio.sleep(_DOWN)
            await asyncio.to_thread(redis.start)
            loop = asyncio.get_running_loop()
            back = loop.time()
            arrived: list[tuple[int, float]] = []

            async def listen() -> None:
                with contextlib.suppress(ConnectionClosed):
                    while True:
                        message = await members[0].receive_until("said", 60.0)
                        arrived.append((message["payload"]["number"], loop.time() - back))

            listening = asyncio.create_task(listen())
            publisher = _Publisher(server)
            for number in range(_MESSAGES):
                await publisher.publish(number)
                await asyncio.sleep(max(0.0, back + (number + 1) * _PAUSE - loop.time()))
            await asyncio.wait({listening}, timeout=2.0)
            listening.cancel()
            await asyncio.wait({listening})
            alive = await count_alive(members)
            await server.stop()
    got = len({number for number, _ in arrived})
    first = f"the first after {arrived[0][1]:.1f} s" if arrived else "none at all"
    return Outcome(
        f"{alive} of {_MEMBERS} connections live; {got} of {_MESSAGES} messages arrive, {first}; "
        f"{server.tracebacks} tracebacks",
        is_good=alive == _MEMBERS and bool(arrived) and arrived[0][1] <= 2.0,
        figures={"alive": alive, "messages": got, "tracebacks": server.tracebacks},
    )


async def _connect_to_frozen(server: Server) -> tuple[str, bool]:
    """Return what a new client of a group sees, and whether it is an answer."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        client = await Client.shake_hands(server, ["elsewhere"], timeout=_PATIENCE)
    except (TimeoutError, OSError, InvalidStatus, ConnectionClosed) as error:
        hangs = isinstance(error, TimeoutError)
        return f"hangs over {_PATIENCE:.0f} s" if hangs else "is refused", not hangs
    messages, code = await client.receive_all(_PATIENCE)
    client.websocket.transport.abort()
    if code:
        return f"is closed with {code} after {loop.time() - begun:.0f} s", True
    status = messages[0].get("payload", {}).get("status_code") if messages else None
    told = "is told that it is in" if status == 200 else f"is told {status}"
    return (told, True) if messages else ("is accepted and told nothing", False)


async def _freeze_redis(peer: str, layer: Layer) -> Outcome:
    with RedisServer() as redis:
        async with (
            run_server(peer, layer=layer, redis_url=redis.url) as server,
            clients(server, 2, ["room"]) as (member, publisher),
        ):
            await member.is_alive()
            redis.freeze()
            new, is_answered = await _connect_to_frozen(server)
            alive = await member.is_alive()
            wanted = {"group": "room", "start": 0, "count": 1, "padding": 0}
            try:
                await publisher.send("publish", wanted)
                await publisher.receive_until("error", _PATIENCE)
                failure = "publishing fails with an error"
            except (TimeoutError, ConnectionClosed) as error:
                is_timeout = isinstance(error, TimeoutError)
                failure = "publishing hangs" if is_timeout else "publishing kills the connection"
            redis.thaw()
            survives = await member.is_alive()
            await server.stop()
    ping = "a ping is answered" if alive else "a ping is not answered"
    return Outcome(
        f"a new client {new}; on the others {ping}, {failure}; "
        f"{'they live' if survives else 'they are dead'} afterwards",
        is_good=is_answered and alive and survives and "error" in failure,
        figures={"alive": alive, "survives": survives},
    )


async def _publish_burst(peer: str, layer: Layer) -> Outcome:
    """Let another process publish 300 events in 0.4 s to a group with 50 members."""
    with RedisServer() as redis:
        async with (
            run_server(peer, layer=layer, redis_url=redis.url) as server,
            clients(server, _BURST_MEMBERS, ["room"]) as members,
        ):
            arguments = {
                "options": {"layer": layer, "redis_url": redis.url},
                "wanted": {"group": "room", "count": _BURST, "seconds": 0.4},
            }
            process = start_python(peer, "benchmarks.apps.faults_publish", json.dumps(arguments))
            ends = await asyncio.gather(*(member.receive_all(6.0) for member in members))
            await asyncio.to_thread(process.wait, 30)
    got = sum(message["action"] == "text" for messages, _ in ends for message in messages)
    share = got / (_BURST * _BURST_MEMBERS)
    return Outcome(f"{share:.1%} arrive", share == 1, {"share": share})


def _over(layer: Layer, bring_about: Callable[[str, Layer], Awaitable[Outcome]]) -> Run:
    async def run(peer: str) -> Outcome:
        return await bring_about(peer, layer)

    return run


FAULTS = (
    Fault(
        "redis_killed_core",
        "Redis killed for 3 s, channels_redis core",
        _over("core", _kill_redis),
    ),
    Fault(
        "redis_killed_pubsub",
        "the same, channels_redis pub/sub",
        _over("pubsub", _kill_redis),
    ),
    Fault(
        "redis_frozen_core",
        "Redis frozen, channels_redis core",
        _over("core", _freeze_redis),
    ),
    Fault(
        "redis_frozen_pubsub",
        "the same, channels_redis pub/sub",
        _over("pubsub", _freeze_redis),
    ),
    Fault(
        "burst_core",
        "300 events in 0.4 s from another process to a group of 50, channels_redis core",
        _over("core", _publish_burst),
    ),
    Fault(
        "burst_pubsub",
        "the same, channels_redis pub/sub",
        _over("pubsub", _publish_burst),
    ),
)
