"""The cases: each module has one, as CASE, and its name is the case's."""

from importlib import import_module

from benchmarks.case import Case

NAMES = (
    "echo",
    "echo_logs",
    "echo_camel",
    "echo_sizes",
    "live_echo",
    "live_latency",
    "broadcast",
    "broadcast_core",
    "broadcast_pubsub",
    "broadcast_burst",
    "two_servers",
    "redis_commands",
    "loop_stall",
    "connect",
    "database",
    "database_delay",
    "memory",
    "live_memory",
)


def get_cases() -> dict[str, Case]:
    """Return the cases by name, in the order in which they run."""
    return {name: import_module(f"{__name__}.{name}").CASE for name in NAMES}
