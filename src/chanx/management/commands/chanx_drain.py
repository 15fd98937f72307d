"""``manage.py chanx_drain``: empty the server processes before they end."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from chanx.management.commands import ControlCommand


class Command(ControlCommand):
    """Has each process refuse new connections and close the open ones in batches."""

    help = "Have all server processes refuse new connections and close the open ones in batches."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        super().add_arguments(parser)
        parser.add_argument(
            "--batch",
            type=int,
            default=100,
            metavar="N",
            help="connections that each process closes at a time (default: 100)",
        )
        parser.add_argument(
            "--interval",
            type=float,
            default=0.1,
            metavar="SECONDS",
            help="the pause between batches (default: 0.1)",
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=120.0,
            metavar="SECONDS",
            help="how long to wait for the processes to be empty (default: 120)",
        )
        parser.add_argument(
            "--undo", action="store_true", help="have them accept connections again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell them, wait, and say what each has done."""
        undo = options["undo"]
        arguments = {} if undo else {"batch": options["batch"], "interval": options["interval"]}
        replies = self.ask(
            "undrain" if undo else "drain",
            arguments,
            alias=options["layer"],
            timeout=options["wait"],
        )
        problems = []
        for reply in replies:
            if reply.error:
                problems.append(f"process {reply.pid}: {reply.error}")
            elif not reply.is_done:
                problems.append(f"process {reply.pid} still closes connections")
            elif undo:
                self.stdout.write(f"process {reply.pid}: accepts connections")
            else:
                self.stdout.write(f"process {reply.pid}: {reply.result} connections closed")
        if problems:
            raise CommandError("; ".join(problems))
