"""How long a reply takes through uvicorn when nothing else is going on."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.peers import ALL

CASE = Case(
    title="Latency through uvicorn",
    description="One server process, one connection, one message in flight.",
    task="latency",
    metrics=(Metric("p50_us", "p50", "µs"), Metric("p99_us", "p99", "µs")),
    variants=(Variant("echo", {"seconds": 1.5}, quick={"seconds": 0.2}),),
    peers=ALL,
    rounds=3,
    servers=1,
)
