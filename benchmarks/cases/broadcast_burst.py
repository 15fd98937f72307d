"""Two hundred messages to a group at once: how much of it arrives."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.peers import ALL, DJANGO
from benchmarks.wire import AppOptions

CASE = Case(
    title="A burst of broadcasts",
    description="200 messages of one member, sent without a pause, to the 50 of its group.",
    task="burst",
    metrics=(
        Metric("delivered", "share delivered", "%", less_is_better=False),
        Metric("us_per_delivery", "time per delivery", "µs"),
    ),
    variants=(
        Variant(
            "in memory",
            {"members": 50, "messages": 200},
            AppOptions(mode="room"),
            quick={"members": 20, "messages": 20},
        ),
        Variant(
            "Redis core",
            {"members": 50, "messages": 200},
            AppOptions(mode="room", layer="core"),
            peers=DJANGO,
        ),
    ),
    peers=ALL,
    rounds=1,
)
