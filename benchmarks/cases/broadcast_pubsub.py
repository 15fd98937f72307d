"""The same over Redis, with the layer that uses publish and subscribe."""

from benchmarks.case import Case
from benchmarks.cases._sizes import METRICS, make_variants
from benchmarks.peers import REDIS

CASE = Case(
    title="Broadcast in one process, over Redis (pub/sub)",
    description="The same over channels_redis.pubsub; python-socketio with its Redis manager.",
    task="broadcast",
    metrics=METRICS,
    variants=make_variants("pubsub", ("socketio", "channels", "ours")),
    peers=REDIS,
    rounds=3,
    chart="growth",
    axis="members of the group",
)
