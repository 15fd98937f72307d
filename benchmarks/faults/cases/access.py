"""Who gets in, into what, and for how long."""

import asyncio
import contextlib
import time
import urllib.request
from typing import Any, Final

from websockets.exceptions import InvalidStatus

from benchmarks.faults.case import Fault, Outcome
from benchmarks.faults.client import Client, clients
from benchmarks.faults.peers import CHANX, OURS
from benchmarks.faults.server import Server, run_server

_EVENTS: Final = {
    "logout": "logout",
    "deactivation": "deactivation",
    "password": "password change",
    "expiry": "expiry",
}
"""What ends an identity, in words. The last of them tells nobody."""
_AT_ONCE: Final = 1.0
"""Seconds within which a connection ends when Django tells of the event."""
_AT_RECHECK: Final = 4.0
"""The same when only the next re-check can find out, which is due after two seconds at most."""
_FOREIGN: Final = "https://elsewhere.example"


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


async def end_identities(peer: str) -> Outcome:
    """End what four users have, by one view each, and look whether their sockets live on."""
    figures: dict[str, float] = {}
    found: dict[str, str] = {}
    async with run_server(peer, has_members=True) as server:
        publisher = await Client.open(server, path="ws/member/", **_make_cookie("alice"))
        for event in _EVENTS:
            found[event] = await _end_identity(server, event, publisher, figures)
        await server.stop()
    is_good = all(
        figures.get(event, 9.0) <= (_AT_RECHECK if event == "expiry" else _AT_ONCE)
        for event in _EVENTS
    )
    if len(set(found.values())) == 1:
        text = f"after each: {found['logout']}"
    else:
        text = "; ".join(f"{_EVENTS[event]}: {text}" for event, text in found.items())
    return Outcome(text, is_good, figures)


async def _end_identity(
    server: Server, event: str, publisher: Client, figures: dict[str, float]
) -> str:
    client = await Client.open(server, path="ws/member/", **_make_cookie(event))
    begun = time.perf_counter()
    # The answer is not waited for before the client reads: the socket may end sooner.
    request = asyncio.create_task(asyncio.to_thread(_ask_to_end, server, event))
    _, code = await client.receive_all(_AT_RECHECK)
    seconds = time.perf_counter() - begun
    await request
    if code is not None:
        figures[event] = seconds
        return f"closed with {code} after {seconds:.2f} s"
    wanted = {"group": "lobby", "start": 0, "count": 1, "padding": 0}
    await publisher.send("publish", wanted)
    is_told = False
    with contextlib.suppress(TimeoutError):
        is_told = bool(await client.receive_until("said", 2.0))
    is_served = await client.is_alive(2.0)
    return (
        f"{'receives' if is_told else 'does not receive'} what is published"
        f" and is {'served' if is_served else 'not served'}"
    )


def _make_cookie(name: str) -> dict[str, Any]:
    return {"additional_headers": {"Cookie": f"sessionid=session-of-{name}"}}


def _ask_to_end(server: Server, event: str) -> None:
    url = f"http://127.0.0.1:{server.port}/end/{event}/"
    headers = {"Cookie": f"sessionid=session-of-{event}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
        response.read()


async def open_from_foreign_page(peer: str) -> Outcome:
    """Connect as a page of another site would, with the cookie of somebody who is logged in."""
    async with run_server(peer, has_members=True) as server:
        found = await _open_with_origin(server, "ws/member/", _FOREIGN)
        own = await _open_with_origin(server, "ws/member/", f"http://127.0.0.1:{server.port}")
        program = await _open_with_origin(server, "ws/member/", None)
        text = f"{found}; own page: {own}; program without an Origin: {program}"
        if peer != OURS:
            validated = await _open_with_origin(server, "ws/validated/", _FOREIGN)
            program_validated = await _open_with_origin(server, "ws/validated/", None)
            text += (
                f"; with Channels' AllowedHostsOriginValidator: {validated}"
                f"; program: {program_validated}"
            )
        await server.stop()
    is_good = (found, own, program) == ("HTTP 403", "accepted", "accepted")
    return Outcome(text, is_good, {"is_accepted": found == "accepted"})


async def _open_with_origin(server: Server, path: str, origin: str | None) -> str:
    more = _make_cookie("alice") | ({"origin": origin} if origin else {})
    try:
        client = await Client.open(server, path=path, **more)
    except InvalidStatus as refused:
        return f"HTTP {refused.response.status_code}"
    return "accepted" if await client.is_alive() else "accepted, and not served"


FAULTS = (
    Fault(
        "object_permission",
        "object permission with a Manager as `queryset`: status of the answer",
        ask_for_objects,
        peers=CHANX,
    ),
    Fault("class_groups", "messages of groups of other users are received", join_own_groups),
    Fault(
        "logout",
        "logout, deactivation, password change, expiry of the session (re-checks every 2 s)",
        end_identities,
    ),
    Fault("origin", "foreign Origin with a session cookie", open_from_foreign_page),
)
