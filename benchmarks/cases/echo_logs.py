"""The echo with a structured line for each message in and each out, written to a file."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.peers import CHANX
from benchmarks.wire import AppOptions

CASE = Case(
    title="Echo in process, logs on",
    description="The same with two JSON lines per message, by structlog, into a file.",
    task="echo",
    metrics=(Metric("us", "time per message", "µs"),),
    variants=(Variant("echo", {"seconds": 1.0}, AppOptions(logs=True), quick={"seconds": 0.1}),),
    peers=("fastapi", *CHANX),
    rounds=7,
)
