"""What the hub needs from whatever carries events between processes."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

__all__ = ["Broker", "OnEvent"]

OnEvent = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Takes the name of a group and an event that was published to it."""


class Broker(Protocol):
    """Carries events between the processes of a site. One per process, used by its hub.

    Implementations answer within a deadline of their own, or raise. They raise BrokerError, with
    the cause, when the event or the subscription did not come about.
    """

    @property
    def deadline(self) -> float | None:
        """Seconds within which each method answers; None: no bound."""
        ...

    def listen(self, on_event: OnEvent) -> None:
        """Give the events of subscribed groups to this function; called once, before all else.

        Those of one group come one after the other, in the order of their arrival. An exception is
        the implementation's to log, and costs that event only.
        """

    async def subscribe(self, group: str, *, wait: bool = True) -> None:
        """Receive the events of a group from now on. Called once per group and process.

        While what carries the events is out of reach, nothing is raised: the group is remembered,
        and subscribed to as soon as that is possible. The same, and at once, without ``wait``.
        """

    async def unsubscribe(self, group: str) -> None:
        """Receive no more events of a group. Nothing is raised either while that cannot be told."""

    async def publish(self, group: str, event: dict[str, Any]) -> object | None:
        """Send an event to all processes that subscribed, this one included.

        Returns where the event stands in the group's history, or None where there is no history.
        """
