"""The same over Redis, with the layer that keeps messages in lists."""

from benchmarks.case import Case
from benchmarks.cases._sizes import METRICS, make_variants
from benchmarks.peers import DJANGO

CASE = Case(
    title="Broadcast in one process, over Redis (core)",
    description="The same over channels_redis.core.",
    task="broadcast",
    metrics=METRICS,
    variants=make_variants("core", ("channels", "ours")),
    peers=DJANGO,
    rounds=3,
    chart="growth",
    axis="members of the group",
)
