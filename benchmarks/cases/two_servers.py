"""A group with its members on two server processes, over Redis and through uvicorn."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.cases._sizes import ONCE
from benchmarks.peers import DJANGO, REDIS
from benchmarks.wire import AppOptions

PARAMETERS = {"members": 500, "broadcasts": 5, "burst": 20}
QUICK = {"members": 100, "broadcasts": 1, "burst": 5}

CASE = Case(
    title="Broadcast over two server processes",
    description=(
        "500 connections, half of them on each of two servers: messages one after another, "
        "then 20 without a pause."
    ),
    task="rooms",
    metrics=(
        Metric("us_per_delivery", "time per delivery", "µs"),
        Metric("delivered", "share delivered", "%", less_is_better=False),
        Metric("burst_delivered", "share of the 20 delivered", "%", less_is_better=False),
    ),
    variants=(
        Variant(
            "Redis core",
            PARAMETERS,
            AppOptions(mode="room", layer="core"),
            peers=DJANGO,
            quick=QUICK,
            rounds_of=dict.fromkeys(ONCE, 1),
        ),
        Variant(
            "Redis pub/sub",
            PARAMETERS,
            AppOptions(mode="room", layer="pubsub"),
            rounds_of=dict.fromkeys(ONCE, 1),
        ),
    ),
    peers=REDIS,
    rounds=2,
    servers=2,
)
