"""Events that do not arrive: numbering what goes out, and seeing what is missing of what comes."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from chanx.engine.broker import Broker
from chanx.engine.events import INTERNAL_PREFIX, MARK_TYPE
from chanx.engine.gaps import Gaps, Numbers, get_grace, is_number, is_origin
from chanx.exceptions import BrokerError, EventMalformed

__all__ = ["MARKS", "Losses"]

MARKS: Final = f"{INTERNAL_PREFIX}marks"
"""The group by which hubs tell each other how many events there were. A group of their own, because
a consumer of somebody else's may be in any other, and has no handler for it."""

_MARK_AFTER: Final = 50
"""Events to a group after which its receivers are told how many there were, once it is quiet: a
burst that overflows a layer loses its end, behind which nothing comes that would show a gap. Half
of the least capacity that layers have unless set."""

_MARK_DELAY: Final = 1.0
"""Seconds without an event after which a group is quiet."""

_VOID_DELAY: Final = 0.1
"""Seconds until receivers are told of numbers that stand for nothing: many may fail at once."""

_MAX_VOID: Final = 1000
"""Numbers that one mark declares void."""

Start = Callable[[Coroutine[Any, Any, Any], str], object]


class _Followed:
    """What has come to a group of this process."""

    __slots__ = ("gaps", "timer")

    def __init__(self, grace: float) -> None:
        self.gaps = Gaps(grace)
        self.timer: asyncio.TimerHandle | None = None
        """Runs when what is missing has been missing for too long."""


class Losses:
    """Both ends for all groups of a hub.

    ``is_in``: whether this process is in a group. ``is_needed``: whether it is in any group of the
    site. ``on_lost`` is told the group and the number of events. ``on_deaf`` is told why the broker
    refused the marks, without which a lost end of a burst is not noticed. ``start`` starts a task.
    """

    def __init__(
        self,
        broker: Broker,
        start: Start,
        *,
        is_in: Callable[[str], bool],
        is_needed: Callable[[], bool],
        on_lost: Callable[[str, int], None],
        on_deaf: Callable[[BrokerError], None] | None = None,
    ) -> None:
        self._broker = broker
        self._start = start
        self._is_in = is_in
        self._is_needed = is_needed
        self._on_lost = on_lost
        self._on_deaf = on_deaf
        self._numbers = Numbers()
        self._marks: dict[str, asyncio.TimerHandle] = {}
        self._followed: dict[str, _Followed] = {}
        self._marks_lock = asyncio.Lock()
        self._wants_marks = False
        self._has_marks = False

    # --- what goes out --------------------------------------------------------------------------

    def take_number(self, name: str) -> tuple[str, int]:
        """Return the origin and the number of the next event of a group."""
        return self._numbers.take(name)

    def handle_published(self, name: str) -> None:
        """Take note that an event of a group went out."""
        self._mark_later(name)

    def handle_failed(self, name: str, origin: str, number: int) -> None:
        """Take note that the event with this number was not published."""
        self._numbers.give_back(name, origin, number)
        self._mark_later(name)

    def _mark_later(self, name: str) -> None:
        unmarked = self._numbers.get_unmarked(name)
        has_void = self._numbers.has_free(name)
        if name not in self._marks and (has_void or unmarked >= _MARK_AFTER):
            delay = _VOID_DELAY if has_void else _MARK_DELAY
            loop = asyncio.get_running_loop()
            self._marks[name] = loop.call_later(delay, self._mark, name, unmarked)

    def _mark(self, name: str, before: int) -> None:
        del self._marks[name]
        unmarked = self._numbers.get_unmarked(name)
        is_end = unmarked == before and unmarked >= _MARK_AFTER
        void = self._numbers.take_void(name, _MAX_VOID)
        found = self._numbers.mark(name, is_end=is_end) if is_end or void else None
        if found:
            origin, number = found
            self._hear_of(name, origin, number, void)
            self._start(self._send_mark(name, origin, number, void), "chanx mark")
        if not is_end:
            self._mark_later(name)  # it is not quiet yet

    async def _send_mark(self, name: str, origin: str, number: int, void: list[int]) -> None:
        event = {"type": MARK_TYPE, "group": name, "origin": origin, "number": number}
        if void:
            event["void"] = void
        try:
            await self._broker.publish(MARKS, event)
        except BrokerError:
            # The next events get them, or the next mark.
            self._numbers.free(name, origin, void)

    # --- what comes in --------------------------------------------------------------------------

    def note(self, name: str, origin: str, number: int) -> None:
        """Take note of an event that has come."""
        if not self._is_in(name):
            return
        followed = self._follow(name, origin)
        now = asyncio.get_running_loop().time()
        self._watch(name, followed, is_open=followed.gaps.see(origin, number, now))

    def handle_mark(self, event: dict[str, Any]) -> None:
        """Take note of what another process says of its events. Raises EventMalformed."""
        name, origin, number = event.get("group"), event.get("origin"), event.get("number")
        if not isinstance(name, str) or not is_origin(origin) or not is_number(number):
            raise EventMalformed(
                f"An event of type {MARK_TYPE!r} needs 'group', 'origin' and 'number'"
            )
        void = event.get("void", [])
        if not isinstance(void, list) or len(void) > _MAX_VOID or not all(map(is_number, void)):
            raise EventMalformed(f"'void' of an event of type {MARK_TYPE!r} must be some numbers")
        self._hear_of(name, origin, number, void)

    def forget(self, name: str) -> None:
        """Follow a group no more: what comes when it is joined again begins anew."""
        followed = self._followed.pop(name, None)
        if followed and followed.timer:
            followed.timer.cancel()

    def _hear_of(self, name: str, origin: str, number: int, void: list[int]) -> None:
        if not self._is_in(name):
            return
        followed = self._follow(name, origin)
        now = asyncio.get_running_loop().time()
        is_open = followed.gaps.hear_of(origin, number, now)
        followed.gaps.skip(origin, void)
        self._watch(name, followed, is_open=is_open)

    def _follow(self, name: str, origin: str) -> _Followed:
        if not self._wants_marks and not self._numbers.is_own(origin):
            self._wants_marks = True
            self._start(self.update_marks(), "chanx marks")
        followed = self._followed.get(name)
        if followed is None:
            followed = self._followed[name] = _Followed(get_grace(self._broker.deadline))
        return followed

    def _watch(self, name: str, followed: _Followed, *, is_open: bool) -> None:
        if not is_open or followed.timer is not None:
            return
        loop = asyncio.get_running_loop()
        deadline = followed.gaps.get_deadline(loop.time())
        if deadline is not None:
            followed.timer = loop.call_at(deadline, self._report, name, followed)

    def _report(self, name: str, followed: _Followed) -> None:
        followed.timer = None
        lost = followed.gaps.take_lost(asyncio.get_running_loop().time())
        self._watch(name, followed, is_open=True)
        if lost:
            self._on_lost(name, lost)

    # --- marks of others ------------------------------------------------------------------------

    @property
    def wants_marks(self) -> bool:
        """Others publish to groups that this process is in, or was in just now."""
        return self._wants_marks

    async def update_marks(self) -> None:
        """Hear of marks while there are groups here that others publish to, and no longer."""
        async with self._marks_lock:
            is_wanted = self._wants_marks = self._wants_marks and self._is_needed()
            if is_wanted == self._has_marks:
                return
            try:
                if is_wanted:
                    await self._broker.subscribe(MARKS)
                    self._has_marks = True
                else:
                    # Refused or not: it may then be subscribed to anew.
                    self._has_marks = False
                    await self._broker.unsubscribe(MARKS)
            except BrokerError as error:
                # Nobody's who happens to leave a group. Tried again when there are groups again.
                if self._on_deaf:
                    self._on_deaf(error)
