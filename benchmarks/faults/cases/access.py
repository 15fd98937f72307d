"""Who gets in, and into what."""

from typing import Any

from benchmarks.faults.case import Fault, Outcome
from benchmarks.faults.client import Client, clients
from benchmarks.faults.peers import CHANX
from benchmarks.faults.server import run_server


async def ask_for_objects(peer: str) -> Outcome:
    """Ask for an object that one may see, one that one may not see, and one that is not there."""
    async with run_server(peer, has_objects=True) as server:
        found = [
            await _get_status(await Client.open(server, path=f"ws/object/{pk}/"))
            for pk in (1, 2, 999)
        ]
        await server.stop()
    allowed, forbidden, missing = found
    return Outcome(
        f"allowed: {allowed}; forbidden: {forbidden}; not there: {missing}",
        is_good=found == [200, 403, 404],
        figures={"allowed": allowed, "forbidden": forbidden, "missing": missing},
    )


async def _get_status(client: Client) -> int:
    payload: dict[str, Any] = (client.greeting or {}).get("payload") or {}
    return int(payload.get("status_code", 0))


async def join_own_groups(peer: str) -> Outcome:
    """Let two clients join a group of their own each, and publish to the first one's."""
    async with (
        run_server(peer) as server,
        clients(server, 1, ["of-alice"]),
        clients(server, 1, ["of-bob"]) as (bob,),
        clients(server, 1) as (publisher,),
    ):
        wanted = {"group": "of-alice", "start": 0, "count": 1, "padding": 0}
        await publisher.send("publish", wanted)
        messages, _ = await bob.receive_all(2.0)
        await server.stop()
    is_leaked = any(message["action"] == "said" for message in messages)
    return Outcome("yes" if is_leaked else "no", not is_leaked, {"leaked": is_leaked})


FAULTS = (
    Fault(
        "object_permission",
        "object permission with a Manager as `queryset`: status of the answer",
        ask_for_objects,
        peers=CHANX,
    ),
    Fault("class_groups", "messages of groups of other users are received", join_own_groups),
)
