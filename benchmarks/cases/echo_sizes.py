"""The echo with messages from a hundred bytes to a hundred thousand."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.peers import ALL

CASE = Case(
    title="Echo in process, by size of the message",
    description="The same with a text of so many characters in each message.",
    task="echo",
    metrics=(Metric("us", "time per message", "µs"),),
    variants=tuple(
        Variant(
            f"{size:,}",
            {"seconds": 0.4, "size": size},
            size=size,
        )
        for size in (100, 1_000, 10_000, 100_000)
    ),
    peers=ALL,
    rounds=1,
    chart="growth",
    axis="characters in the message",
)
