"""Clients that are gone without a word, at any moment."""

import asyncio
import random
from typing import Any

from stress.client import Client
from stress.wire import PING, make_frame
from stress.world import World, check
from tests.live.clients import open_handshake
from tests.live.processes import Server

__all__ = ["STAGES", "come_and_go", "vanish"]

_CLIENTS = 100
STAGES = ("request", "handshake", "open", "frame", "echo", "handler", "publish", "close")


async def vanish(world: World, rng: random.Random, name: str) -> dict[str, Any]:
    """A reset in each stage of a connection leaves nothing behind; each ends once."""
    plan = [(rng.choice(STAGES), world.choose(rng), rng.random()) for _ in range(_CLIENTS)]
    members = [
        await Client.open(server, "load", name=f"{name}-stays", groups=[name])
        for server in world.servers
    ]
    await asyncio.gather(
        *(
            come_and_go(server, stage, share, f"{name}-{stage}-{number}", name)
            for number, (stage, server, share) in enumerate(plan)
        )
    )
    # The survivors are served as if nothing had been.
    for member in members:
        await member.ask("echo", "still here")
        await member.close()
    reports = await world.until_empty()
    for server, report in zip(world.servers, reports, strict=True):
        counts = report["counts"]
        blocked, cancelled = (
            sum(count for key, count in counts.get(event, {}).items() if key.startswith(name))
            for event in ("blocking", "cancelled")
        )
        check(blocked == cancelled, f"{blocked} handlers ran, and {cancelled} were cancelled")
        seen = sum(stage == "handler" and server is chosen for stage, chosen, _ in plan)
        check(blocked <= seen, f"{blocked} handlers ran for {seen} clients")
    return {"clients": _CLIENTS}


async def come_and_go(server: Server, stage: str, share: float, name: str, group: str) -> None:
    """Connect as far as a stage, and vanish; ``share``, from 0 to 1, says how far in it."""
    path = f"/ws/load/?client={name}&groups={group}"
    if stage in ("request", "handshake"):
        length = int(share * 200) if stage == "request" else None
        open_handshake(server, path, length=length).close()
        return
    client = await Client.open(server, "load", name=name, groups=[group])
    if stage == "frame":
        frame = make_frame(b'{"action":"echo","payload":"half a frame"}')
        await client.wire.send(frame[: int(share * len(frame))])
    elif stage == "echo":
        await client.send_text(*['{"action":"echo","payload":1}'] * int(share * 50))
    elif stage == "handler":
        await client.send("hang")
        await client.send("echo")
    elif stage == "publish":
        wanted = {"group": group, "sender": f"{name}-{share}", "count": int(share * 20)}
        await client.send("publish", wanted)
    elif stage == "close":
        closing = asyncio.create_task(client.close())
        await client.wire.send(make_frame(b"", PING))
        client.wire.reset()
        await closing
    client.wire.reset()
