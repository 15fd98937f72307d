"""One message to all members of a group in one process, over the layer in memory."""

from benchmarks.case import Case
from benchmarks.cases._sizes import METRICS, make_variants
from benchmarks.peers import ALL

CASE = Case(
    title="Broadcast in one process, in memory",
    description="One member's message to all of its group, time per delivery.",
    task="broadcast",
    metrics=METRICS,
    # Channels takes a minute to connect ten thousand: its layer in memory looks at each channel
    # each time that it receives.
    variants=make_variants("memory", ("bare", "fastapi", "socketio", "ours")),
    peers=ALL,
    rounds=3,
    chart="growth",
    axis="members of the group",
)
