"""The figures in the README: a line per case that a reader asks for first."""

from dataclasses import dataclass
from typing import Final

from benchmarks.peers import PEERS
from benchmarks.report.tables import Table, format_number
from benchmarks.results import Results


@dataclass(frozen=True)
class _Line:
    """One line of the table: what it says, and where its figure is."""

    text: str
    case: str
    variant: str
    metric: str


_LINES: Final = (
    _Line("a message in, its reply out, in process, µs", "echo", "echo", "us"),
    _Line("the same through uvicorn, messages a second", "live_echo", "echo", "per_second"),
    _Line("a delivery to 1,000 members, in memory, µs", "broadcast", "1,000", "us_per_delivery"),
    _Line("the same over Redis pub/sub, µs", "broadcast_pubsub", "1,000", "us_per_delivery"),
    _Line("connections a second, no credentials", "connect", "none", "per_second"),
    _Line("memory of an idle connection with a session, KiB", "memory", "session", "kib"),
)


def make_summary(results: Results) -> str:
    """Return the table with its captions as Markdown."""
    if not results.document["cases"]:
        return "`make bench` measures it."
    machine = results.document["machine"]
    columns = ("median", *(peer.title for peer in PEERS.values()))
    rows = tuple(
        (line.text, *(_get_cell(results, line, peer) for peer in PEERS)) for line in _LINES
    )
    return "\n\n".join(
        [
            f"`make bench` measured, on {machine['cores']} cores with Python {machine['python']}:",
            Table("", "", "", columns, rows).to_markdown(),
            "bare ASGI, python-socketio, Channels and djangochannelsrestframework do not validate. "
            "An empty cell is what a peer cannot do.",
            "![Echo in process](benchmarks/results/echo.svg)",
            "![Broadcast in one process, in memory](benchmarks/results/broadcast.svg)",
        ]
    )


def _get_cell(results: Results, line: _Line, peer: str) -> str:
    figure = results.get(line.case, line.variant, peer, line.metric)
    return format_number(figure.median) if figure else ""
