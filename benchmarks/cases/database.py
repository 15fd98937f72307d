"""Messages that are answered after a look into the database."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.wire import AppOptions, Query


def make_variant(label: str, query: Query) -> Variant:
    """Return a variant for a way of asking."""
    return Variant(
        label,
        {"connections": 50, "in_flight": 1, "seconds": 1.5},
        AppOptions(mode="database", query=query),
        quick={"seconds": 0.2} if query == "async" else None,
    )


CASE = Case(
    title="Handlers that use the ORM, through uvicorn",
    description=(
        "One server process, 50 connections, one message in flight each, a row by an index for "
        "each message, or a new row; SQLite in a file with CONN_MAX_AGE=600. chanx has 4 lanes."
    ),
    task="throughput",
    metrics=(Metric("per_second", "messages a second", "/s", less_is_better=False),),
    variants=(
        make_variant("asynchronous ORM", "async"),
        make_variant("database_sync_to_async", "thread"),
        make_variant("a new row", "insert"),
    ),
    peers=("channels", "ours"),
    rounds=5,
    servers=1,
)
