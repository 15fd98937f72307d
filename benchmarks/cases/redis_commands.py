"""How many commands one broadcast makes Redis carry out, by Redis' own statistics."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.peers import DJANGO, REDIS
from benchmarks.wire import AppOptions, Layer


def make_variant(layer: Layer, members: int, peers: tuple[str, ...]) -> Variant:
    """Return a variant for a layer and a number of members."""
    return Variant(
        f"{layer}, {members:,}",
        {"members": members, "broadcasts": 20 if members == 1 else 2},
        AppOptions(mode="room", layer=layer),
        peers=peers,
        quick={"broadcasts": 1} if members == 1 else None,
    )


CASE = Case(
    title="Redis commands per broadcast",
    description=(
        "All members in one process. Channels' own consumer stands for those built on it; with "
        "more than 1,000 it would take too long."
    ),
    task="commands",
    metrics=(Metric("commands", "commands", ""),),
    variants=(
        make_variant("core", 1, DJANGO),
        make_variant("core", 1_000, ("channels", "ours")),
        make_variant("core", 10_000, ("ours",)),
        make_variant("pubsub", 1, REDIS),
        make_variant("pubsub", 1_000, ("socketio", "channels", "ours")),
        make_variant("pubsub", 10_000, ("ours",)),
    ),
    peers=REDIS,
    rounds=1,
    chart=None,
)
