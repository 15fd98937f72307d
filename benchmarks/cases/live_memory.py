"""What ten thousand idle connections hold of a server under uvicorn."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.wire import AppOptions

CASE = Case(
    title="Memory per idle connection, through uvicorn",
    description=(
        "Resident memory of one server process with 10,000 idle connections in one group, over "
        "Redis pub/sub where the peer can: the layer in memory takes minutes for so many."
    ),
    task="memory",
    metrics=(Metric("kib", "per connection", "KiB"),),
    variants=(
        Variant(
            "idle",
            {"sizes": [1_000, 2_500, 5_000, 10_000]},
            AppOptions(mode="room", layer="pubsub"),
            quick={"sizes": [100]},
        ),
    ),
    # What the others add to Channels is in the case without a server.
    peers=("bare", "fastapi", "socketio", "channels", "ours"),
    rounds=1,
    servers=1,
    growth=Metric("mib", "memory of the server", "MiB"),
    axis="connections",
)
