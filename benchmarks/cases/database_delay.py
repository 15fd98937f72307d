"""How long others wait while one connection keeps the database busy."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.wire import AppOptions

CASE = Case(
    title="Waiting while another connection queries, through uvicorn",
    description=(
        "One connection has 100 queries of 50 ms queued; the longest of three pings on a second "
        "one and of three queries on a third. SQLite in a file. Channels has no lanes: both rows "
        "are the same there."
    ),
    task="delay",
    metrics=(Metric("ping_ms", "ping", "ms"), Metric("query_ms", "query", "ms")),
    variants=(
        Variant("4 lanes", {"times": 3}, AppOptions(mode="database"), quick={"times": 1}),
        Variant("all on the same lane", {"times": 3}, AppOptions(mode="database", lanes=1)),
    ),
    peers=("channels", "ours"),
    rounds=3,
    servers=1,
)
