"""What is kept of a group that a process has joined over a channel layer."""

from chanx.engine.pump import Pump
from chanx.integrations.reader import Reader

__all__ = ["Subscription"]


class Subscription:
    """A group that is wanted; without a channel as long as the layer has given none."""

    __slots__ = ("group", "is_joined", "is_joining", "pump", "reader")

    def __init__(self, group: str, pump: Pump) -> None:
        self.group = group
        self.pump = pump
        self.reader: Reader | None = None
        self.is_joined = False
        self.is_joining = False

    async def close(self, timeout: float | None) -> None:
        """Receive and hand over nothing any more."""
        if self.reader:
            await self.reader.close(timeout)
        await self.pump.close(timeout)
