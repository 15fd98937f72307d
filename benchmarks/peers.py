"""Who is measured. The environments are made by scripts/peers.sh."""

import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.wire import CHANX as CHANX_DIALECT
from benchmarks.wire import PLAIN, REQUEST, SOCKETIO, Dialect

__all__ = ["ALL", "CHANX", "DJANGO", "PEERS", "REDIS", "Peer", "get_environment"]


@dataclass(frozen=True)
class Peer:
    """A peer: its name, which is that of its environment, and its module in benchmarks.apps."""

    name: str
    title: str
    app: str
    dialect: Dialect
    packages: tuple[str, ...]
    """The distributions whose versions are noted with the results."""


_SERVER = ("uvicorn", "uvloop", "websockets")
_DJANGO = ("Django", "channels", "channels_redis", "redis", "djangorestframework", *_SERVER)
_CHANX = ("chanx", "pydantic", "structlog", *_DJANGO)

_ALL = (
    Peer("bare", "bare ASGI", "bare", PLAIN, _SERVER),
    Peer(
        "fastapi",
        "FastAPI + Pydantic",
        "fastapi_app",
        PLAIN,
        ("fastapi", "starlette", "pydantic", *_SERVER),
    ),
    Peer("socketio", "python-socketio", "socketio_app", SOCKETIO, ("python-socketio", *_SERVER)),
    Peer("channels", "Channels", "channels_app", PLAIN, _DJANGO),
    Peer(
        "dcrf",
        "djangochannelsrestframework",
        "dcrf_app",
        REQUEST,
        ("djangochannelsrestframework", *_DJANGO),
    ),
    Peer("chanx-0.5.0", "original chanx 0.5.0", "chanx_0_5_app", CHANX_DIALECT, _CHANX),
    Peer("chanx-original", "original chanx, newest", "chanx_original_app", CHANX_DIALECT, _CHANX),
    Peer("ours", "this chanx", "guide_app", CHANX_DIALECT, _CHANX),
)

PEERS = {peer.name: peer for peer in _ALL}
ALL = tuple(PEERS)
CHANX = ("chanx-0.5.0", "chanx-original", "ours")
DJANGO = ("channels", "dcrf", *CHANX)
REDIS = ("socketio", *DJANGO)


def get_environment(peer: str) -> Path:
    """Return the folder of a peer's environment; BENCH_ENVIRONMENTS names where they are."""
    return Path(os.environ.get("BENCH_ENVIRONMENTS", ".venvs/bench"), peer)


def get_python(peer: str) -> str:
    """Return the interpreter of a peer's environment."""
    return str(get_environment(peer) / "bin" / "python")
