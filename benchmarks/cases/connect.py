"""Connections that come, log in and go, one after another, ten at a time."""

from benchmarks.case import Case, Metric, Variant
from benchmarks.peers import ALL, DJANGO
from benchmarks.wire import AppOptions

CASE = Case(
    title="Connect and authenticate",
    description=(
        "In process, ten at a time: connect, log in, disconnect. Channels and those built on its "
        "middleware use AuthMiddlewareStack, or one of their documentation's for tokens; "
        "chanx uses DRF's classes, and for no credentials none. SQLite."
    ),
    task="connect",
    metrics=(Metric("per_second", "connections a second", "/s", less_is_better=False),),
    variants=(
        Variant(
            "none",
            {"seconds": 1.0},
            AppOptions(mode="auth"),
            peers=ALL,
        ),
        Variant(
            "session",
            {"seconds": 1.0},
            AppOptions(mode="auth", credentials="session"),
            quick={"seconds": 0.1},
        ),
        Variant("token", {"seconds": 1.0}, AppOptions(mode="auth", credentials="token")),
    ),
    peers=DJANGO,
    rounds=4,
)
