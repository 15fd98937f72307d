"""How long the event loop does nothing else while a broadcast goes out."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.cases._sizes import ONCE
from benchmarks.peers import ALL
from benchmarks.wire import AppOptions


def make_variant(size: int, peers: tuple[str, ...] | None = None) -> Variant:
    """Return a variant for a number of members."""
    return Variant(
        f"{size:,}",
        {"members": size, "seconds": 1.0},
        AppOptions(mode="room"),
        size=size,
        quick={"seconds": 0.1} if size == 100 else None,
        peers=peers,
        rounds_of=dict.fromkeys(ONCE, 1),
    )


CASE = Case(
    title="Longest stall of the event loop during a broadcast",
    description="In memory, one process: the longest turn of the loop of up to ten broadcasts.",
    task="stall",
    metrics=(
        Metric("largest_ms", "largest", "ms"),
        Metric("median_ms", "median of the broadcasts' largest", "ms"),
    ),
    variants=(
        make_variant(100),
        make_variant(1_000),
        make_variant(10_000, ("bare", "fastapi", "socketio", "ours")),
    ),
    peers=ALL,
    rounds=2,
    chart="growth",
    axis="members of the group",
)
