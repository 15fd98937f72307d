"""A whole run: servers with each spelling of keys, and what must hold at its end."""

import json
from typing import Any, Final

from stress.control import control
from stress.fuzz.campaign import Campaign, Failure
from stress.logs import count_refusals, find_errors
from tests.live.processes import Server, start_uvicorn

__all__ = ["fuzz"]

_PATHS: Final = ("plain", "plain", "plain", "completing", "stepping")
_FRAMES_PER_FATAL: Final = 1000
_WARM_UP: Final = 50_000
"""Frames after which code and caches are loaded and the memory should stay as it is ..."""
_GROWTH: Final = 0.1
"""... within this share, which is what it goes up and down by; in a long run, 10 bytes a frame."""
_WARM_UP_BYTES: Final = 24 * 1024 * 1024
"""What it may grow in a run that is no longer than the warm-up."""


async def fuzz(seed: str, frames: int, connections: int) -> dict[str, Any]:
    """Send frames over real sockets; return the figures. Raises Failure."""
    # A tenth to a server that spells keys in camelCase, which has a codec of its own.
    camelized = frames // 10
    servers = {
        "plain": await _fuzz_server(f"{seed}/plain", frames - camelized, connections, {}),
        "camelized": await _fuzz_server(
            f"{seed}/camelized", camelized, connections, {"CAMELIZE": True}
        ),
    }
    total = sum(result["frames"] for result in servers.values())
    return {"seed": seed, "frames": total, "dead_connections": 0, "tracebacks": 0, **servers}


async def _fuzz_server(
    seed: str, frames: int, connections: int, settings: dict[str, Any]
) -> dict[str, Any]:
    environment = {
        "DJANGO_SETTINGS_MODULE": "stress.site.settings",
        "STRESS_CHANX": json.dumps(settings),
    }
    server = start_uvicorn("stress.site.asgi:application", environment=environment)
    try:
        campaign = Campaign(server, seed)
        paths = [f"/ws/fuzz/{_PATHS[n % len(_PATHS)]}/" for n in range(connections)]
        await campaign.run(paths, frames, frames // _FRAMES_PER_FATAL)
        await _check_server(server, campaign)
    finally:
        server.stop()
    if errors := find_errors(server.output):
        raise Failure(f"{len(errors)} tracebacks, the first is:\n{errors[0]}")
    refused, closed = count_refusals(server.output), campaign.closes[1007]
    if refused != closed:
        raise Failure(f"{closed} connections were closed for wrong UTF-8, {refused} are logged")
    return _make_result(campaign)


async def _check_server(server: Server, campaign: Campaign) -> None:
    """See that the process holds no more than it must, and has counted what it got."""
    if campaign.answered != campaign.sent:
        raise Failure(f"{campaign.sent} frames, and {campaign.answered} answers")
    _check_memory(campaign.memory)
    async with control(server) as watcher:
        stats = (await watcher.report())["stats"]
    # The control connection's own question is being handled.
    outcomes = sum(stats["messages_in"].values()) + 1
    if stats["messages_received"] != outcomes or outcomes <= campaign.sent:
        raise Failure(f"The counters do not add up to {campaign.sent} frames: {stats}")


def _check_memory(memory: dict[int, int]) -> None:
    """Hold the end against a tenth of the way, or against the end of the warm-up."""
    samples = [size for sent, size in memory.items() if sent >= _WARM_UP]
    if len(samples) > 1:
        bound = _GROWTH * samples[0]
    else:
        samples, bound = list(memory.values()), _WARM_UP_BYTES
    if samples[-1] - samples[0] > bound:
        raise Failure(f"The memory has grown, in bytes by frames: {memory}")


def _make_result(campaign: Campaign) -> dict[str, Any]:
    memory = {str(sent): round(size / 2**20, 1) for sent, size in campaign.memory.items()}
    return {
        "frames": campaign.sent,
        "answers": campaign.answered,
        "by_kind": dict(campaign.kinds.most_common()),
        "by_answer": dict(campaign.actions.most_common()),
        "closed_on_purpose": {str(code): n for code, n in sorted(campaign.closes.items())},
        "largest_error_bytes": campaign.largest_error,
        "memory_mib": memory,
    }
