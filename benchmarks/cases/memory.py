"""What an idle connection holds of the process, without a server."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.peers import ALL, DJANGO
from benchmarks.wire import AppOptions

CASE = Case(
    title="Memory per idle connection, in process",
    description=(
        "Resident memory of 2,000 idle connections, each in one group, the harness's share "
        "included; with a session where the peer knows sessions."
    ),
    task="memory",
    metrics=(Metric("kib", "per connection", "KiB"),),
    variants=(
        Variant(
            "no log-in",
            {"connections": 2_000},
            AppOptions(mode="room"),
            peers=ALL,
        ),
        Variant(
            "session",
            {"connections": 2_000},
            AppOptions(mode="room", credentials="session"),
            quick={"connections": 100},
        ),
    ),
    peers=DJANGO,
    rounds=2,
)
