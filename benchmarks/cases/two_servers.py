"""A group with its members on two server processes, over Redis and through uvicorn."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.peers import DJANGO, REDIS
from benchmarks.wire import AppOptions

PARAMETERS = {"members": 1_000, "broadcasts": 5, "burst": 20}
QUICK = {"members": 100, "broadcasts": 1, "burst": 5}

CASE = Case(
    title="Broadcast over two server processes",
    description=(
        "1,000 connections, half of them on each of two servers: messages one after another, "
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
        ),
        Variant("Redis pub/sub", PARAMETERS, AppOptions(mode="room", layer="pubsub")),
    ),
    peers=REDIS,
    rounds=2,
    servers=2,
)
