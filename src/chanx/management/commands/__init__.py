"""The commands, one in a module, and what they share."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chanx.exceptions import BrokerError, NoChannelLayer
from chanx.integrations.control_request import Reply, request

__all__ = ["ControlCommand"]


class ControlCommand(BaseCommand):
    """Tells the server processes something over the channel layer."""

    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what all of them have."""
        parser.add_argument(
            "--layer",
            default="default",
            metavar="ALIAS",
            help="the channel layer in CHANNEL_LAYERS that the consumers use (default: default)",
        )

    def ask(self, command: str, arguments: dict[str, Any], **options: Any) -> list[Reply]:
        """Return the answers. Raises CommandError when there are none, with what to do."""
        try:
            replies = asyncio.run(request(command, arguments, **options))
        except (NoChannelLayer, BrokerError) as error:
            raise CommandError(str(error)) from error
        if not replies:
            raise CommandError(
                "No process answered. A server process listens from its first WebSocket "
                "connection on: look that one runs, with the same CHANNEL_LAYERS, or wait longer"
            )
        return replies
