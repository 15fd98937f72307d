"""The echo with camelCase on the wire and snake_case in the code."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.peers import CHANX
from benchmarks.wire import AppOptions

CASE = Case(
    title="Echo in process, camelCase",
    description="The same with camelCase on the wire and snake_case in the code; logs off.",
    task="echo",
    metrics=(Metric("us", "time per message", "µs"),),
    variants=(
        Variant("echo", {"seconds": 1.0}, AppOptions(camelize=True), quick={"seconds": 0.1}),
    ),
    peers=("fastapi", *CHANX),
)
