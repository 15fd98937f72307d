"""The frames of a connection that wait for its socket: a bounded queue with a policy at the bound.

It knows no socket and no task, and makes no call but to its own queue.
"""

import asyncio
from collections import deque
from collections.abc import MutableMapping
from typing import Any

from chanx.engine.limits import Limits

__all__ = ["Outbox", "Queued"]


class Queued:
    """A frame that waits, its size in bytes, and whom to tell whether it was sent."""

    __slots__ = ("event", "follow", "is_delivery", "key", "sent", "size")

    def __init__(
        self,
        event: MutableMapping[str, Any],
        size: int = 0,
        *,
        sent: "asyncio.Future[bool] | None" = None,
        is_delivery: bool = False,
        key: str | None = None,
        follow: MutableMapping[str, Any] | None = None,
    ) -> None:
        self.event = event
        self.size = size
        self.sent = sent
        self.is_delivery = is_delivery
        """A broadcast, which a policy may drop; what a handler has sent is never dropped."""
        self.key = key
        """With the policy "coalesce" a newer frame takes the place of one with the same key."""
        self.follow = follow
        """A frame that goes out right after this one, or not at all."""


class Outbox:
    """First in, first out. Exists only while something waits."""

    __slots__ = ("_by_key", "_frames", "_limits", "size")

    def __init__(self, limits: Limits) -> None:
        self._frames: deque[Queued] = deque()
        self._limits = limits
        self._by_key: dict[str, Queued] | None = None
        self.size = 0
        """Bytes of all that waits."""

    def __len__(self) -> int:
        return len(self._frames)

    def has_room(self, size: int) -> bool:
        """Tell whether a frame may be queued; one that finds nothing waiting always may."""
        frames, limits = self._frames, self._limits
        return not frames or (
            (limits.outbox_frames is None or len(frames) < limits.outbox_frames)
            and (limits.outbox_bytes is None or self.size + size <= limits.outbox_bytes)
        )

    @property
    def is_overfull(self) -> bool:
        """Beside what waits by itself, as many frames have somebody who waits for them."""
        bound = self._limits.outbox_frames
        return bound is not None and len(self._frames) >= 2 * bound

    def remove(self, frame: Queued) -> None:
        """Take out a frame that nobody wants to be sent any more, if it still waits."""
        try:
            self._frames.remove(frame)
        except ValueError:
            return
        self._forget(frame)

    def append(self, frame: Queued) -> None:
        """Queue a frame, whether there is room or not."""
        self._frames.append(frame)
        self.size += frame.size
        if frame.key is not None and self._limits.slow_client_policy == "coalesce":
            self._by_key = self._by_key or {}
            self._by_key[frame.key] = frame

    def pop(self) -> Queued:
        """Take out the frame that is next."""
        frame = self._frames.popleft()
        self._forget(frame)
        return frame

    def put_delivery(self, frame: Queued) -> int | None:
        """Queue a broadcast as the policy says; return how many were dropped, this one counted.

        None: there is no room, and the connection is to be closed.
        """
        if frame.key is not None and self._by_key and (old := self._by_key.get(frame.key)):
            self.size += frame.size - old.size
            old.event, old.size = frame.event, frame.size
            dropped = 1
            # The newest may be larger. It is left out itself when nothing else is left to drop.
            while not self._is_within_bytes() and self._drop_oldest():
                dropped += 1
            return dropped
        dropped = 0
        while not self.has_room(frame.size):
            if self._limits.slow_client_policy == "close":
                return None
            dropped += 1
            if self._limits.slow_client_policy == "drop_newest" or not self._drop_oldest():
                return dropped
        self.append(frame)
        return dropped

    def _is_within_bytes(self) -> bool:
        bound = self._limits.outbox_bytes
        return bound is None or self.size <= bound or len(self._frames) == 1

    def _drop_oldest(self) -> bool:
        for index, frame in enumerate(self._frames):
            if frame.is_delivery:
                del self._frames[index]
                self._forget(frame)
                return True
        return False

    def _forget(self, frame: Queued) -> None:
        self.size -= frame.size
        if self._by_key and frame.key is not None and self._by_key.get(frame.key) is frame:
            del self._by_key[frame.key]
