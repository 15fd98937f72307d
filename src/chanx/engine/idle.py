"""Clients that say nothing: pings for those who asked for them, and the end of the others.

Exists for connections with an idle timeout or a heartbeat only, and has one timer.
"""

import asyncio
from collections.abc import Callable

__all__ = ["IdleWatch"]


class IdleWatch:
    """Watches when the last frame came. ``touch`` is called for each."""

    __slots__ = (
        "_heartbeat",
        "_is_waiting",
        "_last",
        "_loop",
        "_on_idle",
        "_ping",
        "_timeout",
        "_timer",
    )

    def __init__(
        self,
        timeout: float | None,
        heartbeat: float | None,
        *,
        ping: Callable[[], None],
        on_idle: Callable[[], bool],
    ) -> None:
        """Start watching.

        ``timeout``: seconds without a frame until ``on_idle``. ``heartbeat``: seconds without one
        until ``ping``, and after as many more ``on_idle``. That returns False for a client which
        has a reason to be silent; the time then begins anew.
        """
        self._timeout = timeout
        self._heartbeat = heartbeat
        self._ping = ping
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._is_waiting = False
        """A ping was sent, and nothing has come since."""
        self._timer: asyncio.TimerHandle | None = None
        self._schedule()

    def touch(self) -> None:
        """Note that a frame came."""
        self._last = self._loop.time()
        self._is_waiting = False

    def stop(self) -> None:
        """Watch no more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _get_deadlines(self) -> tuple[float, float]:
        """Return when the next ping is due, and when the client counts as gone."""
        never = float("inf")
        ping = never if self._heartbeat is None else self._last + self._heartbeat
        gone = never if self._timeout is None else self._last + self._timeout
        if self._is_waiting and self._heartbeat is not None:
            ping, gone = never, min(gone, self._last + 2 * self._heartbeat)
        return ping, gone

    def _schedule(self) -> None:
        deadline = min(self._get_deadlines())
        if deadline != float("inf"):
            self._timer = self._loop.call_at(deadline, self._check)

    def _check(self) -> None:
        self._timer = None
        now = self._loop.time()
        ping, gone = self._get_deadlines()
        if gone <= now:
            if self._on_idle():
                return
            self.touch()
        elif ping <= now:
            self._is_waiting = True
            # Counted from the ping: the timer may have been late.
            self._last = now - (self._heartbeat or 0)
            self._ping()
        self._schedule()
