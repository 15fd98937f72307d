"""One message in, one reply out, without a network and without logs."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.peers import ALL

CASE = Case(
    title="Echo in process",
    description="One message in, one reply out, no network, logs off.",
    task="echo",
    metrics=(Metric("us", "time per message", "µs"),),
    variants=(Variant("echo", {"seconds": 1.0}, quick={"seconds": 0.1}),),
    peers=ALL,
    rounds=9,
)
