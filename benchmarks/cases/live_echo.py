"""The echo through uvicorn: 50 connections with two messages on their way each."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.peers import ALL

CASE = Case(
    title="Echo through uvicorn",
    description=(
        "One server process, 50 connections, 2 messages in flight each; the client is a process "
        "of its own."
    ),
    task="throughput",
    metrics=(Metric("per_second", "messages a second", "/s", less_is_better=False),),
    variants=(
        Variant(
            "echo",
            {"connections": 50, "in_flight": 2, "seconds": 1.0},
            quick={"seconds": 0.2},
        ),
    ),
    peers=ALL,
    rounds=7,
    servers=1,
)
