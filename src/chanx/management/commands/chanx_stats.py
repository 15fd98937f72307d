"""``manage.py chanx_stats``: how the server processes are."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from chanx.integrations.control_request import Reply
from chanx.management.commands import ControlCommand

_COLUMNS: Final = (
    "pid",
    "started (UTC)",
    "open",
    "other",
    "users",
    "groups",
    "in",
    "out",
    "outbox",
    "refused",
    "dropped",
    "state",
)


class Command(ControlCommand):
    """Prints a table, or JSON with everything that ``chanx.stats()`` has."""

    help = "Show connections, queues and counters of each server process."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        super().add_arguments(parser)
        parser.add_argument("--json", action="store_true", help="all figures, as a JSON list")
        parser.add_argument(
            "--wait",
            type=float,
            default=1.0,
            metavar="SECONDS",
            help="how long to wait for answers; nobody knows how many will come (default: 1)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask and print."""
        wait = options["wait"]
        replies = self.ask("stats", {}, alias=options["layer"], wait=wait, timeout=wait)
        failed = [reply for reply in replies if reply.error]
        found = sorted(
            (reply.result for reply in replies if not reply.error),
            key=lambda stats: (stats["started"], stats["pid"]),
        )
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2))
        else:
            self._write_table(found)
        if failed:
            raise CommandError(_describe(failed))

    def _write_table(self, found: list[dict[str, Any]]) -> None:
        rows = [_make_row(stats) for stats in found]
        totals = [sum(row[column] for row in rows) for column in range(2, len(_COLUMNS) - 1)]
        lines = [
            list(_COLUMNS),
            *([str(row[0]), row[1], *map(str, row[2:])] for row in rows),
            ["total", str(len(rows)), *map(str, totals), ""],
        ]
        widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
        for line in lines:
            cells = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())


def _make_row(stats: dict[str, Any]) -> list[Any]:
    counters = stats["counters"]
    by_state = stats["connections"]
    started = datetime.fromtimestamp(stats["started"], UTC)
    return [
        stats["pid"],
        f"{started:%Y-%m-%d %H:%M:%S}",
        by_state["open"],
        sum(by_state.values()) - by_state["open"],
        stats["users"],
        stats["groups"],
        counters["messages_received"],
        counters["messages_out"],
        stats["outbox"]["total"],
        sum(counters["connections_refused"].values()),
        sum(counters["dropped"].values()),
        "draining" if stats["is_draining"] else "open",
    ]


def _describe(failed: list[Reply]) -> str:
    return "; ".join(f"process {reply.pid}: {reply.error}" for reply in failed)
