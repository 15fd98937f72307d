"""Numbers on the events of a group, by which receivers see that some were lost on the way.

Pure: no clock and no loop of its own. Numbers only tell what is missing; they never keep an event
from being delivered, and never change the order.
"""

import bisect
import secrets
from collections import OrderedDict
from typing import Any, Final, TypeGuard

__all__ = ["GRACE", "MAX_NUMBER", "Gaps", "Numbers", "get_grace", "is_number", "is_origin"]

GRACE: Final = 2.0
"""Seconds that an event, or the word that its number is void, may be on its way."""

_LONGEST_PUBLISH: Final = 30.0
"""Seconds that are allowed for one call of a broker that has no deadline."""

MAX_NUMBER: Final = 2**53
"""Numbers beyond this are no numbers of ours; every serialiser carries those below."""

_MAX_ORIGIN_LENGTH: Final = 64

_MAX_ORIGINS: Final = 64
"""Senders that are followed in each group; the one heard of longest ago gives way."""

_MAX_RANGES: Final = 64
"""Gaps of one sender that are kept open; the oldest is given up, as if its time were over."""

_MAX_JUMP: Final = 1_000_000
"""A wider gap is not believed: nobody publishes that much while a number may be missing."""

_MAX_GROUPS: Final = 10_000
"""Groups that a process numbers its events for; the one published to longest ago gives way."""


def get_grace(deadline: float | None) -> float:
    """Return the seconds for which a number may be missing.

    Events of one process that are published at the same time may overtake each other, by as much as
    the broker's ``deadline`` allows for one. It is taken to be the same in all processes.
    """
    return GRACE + (_LONGEST_PUBLISH if deadline is None else deadline)


def is_number(value: Any) -> TypeGuard[int]:
    """Tell whether this can be the number of an event. True and False are no numbers."""
    return type(value) is int and 0 < value <= MAX_NUMBER


def is_origin(value: Any) -> TypeGuard[str]:
    """Tell whether this can name who has numbered an event."""
    return isinstance(value, str) and len(value) <= _MAX_ORIGIN_LENGTH


class _Sequence:
    __slots__ = ("free", "last", "marked", "origin", "unmarked")

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.last = 0
        self.free: list[int] = []
        """In ascending order: numbers whose event was not published after all."""
        self.marked = 0
        """The last number that receivers were told to exist: it is not taken back."""
        self.unmarked = 0


class Numbers:
    """Numbers what this process publishes, for each group on its own, from 1 on.

    A group that was forgotten begins with a new origin, so receivers see no gap.
    """

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6)
        self._begun = 0
        self._sequences: OrderedDict[str, _Sequence] = OrderedDict()

    def take(self, group: str) -> tuple[str, int]:
        """Return the origin and the number of the next event of a group."""
        sequence = self._sequences.get(group)
        if sequence is None:
            sequence = self._begin(group)
        else:
            self._sequences.move_to_end(group)
        sequence.unmarked += 1
        if sequence.free:
            return sequence.origin, sequence.free.pop(0)
        sequence.last += 1
        return sequence.origin, sequence.last

    def give_back(self, group: str, origin: str, number: int) -> None:
        """Tell that the event with this number was not published; another one gets the number.

        An event of which that was not certain and which does arrive is a duplicate by number, and
        duplicates are no gaps.
        """
        sequence = self._sequences.get(group)
        if sequence is not None and sequence.origin == origin:
            sequence.unmarked -= 1
            self.free(group, origin, [number])

    def free(self, group: str, origin: str, numbers: list[int]) -> None:
        """Let other events have these numbers."""
        sequence = self._sequences.get(group)
        if sequence is None or sequence.origin != origin:
            return
        sequence.free = sorted([*sequence.free, *numbers])
        while sequence.free and sequence.free[-1] == sequence.last > sequence.marked:
            sequence.free.pop()
            sequence.last -= 1

    def has_free(self, group: str) -> bool:
        """Tell whether receivers may miss numbers that stand for nothing."""
        sequence = self._sequences.get(group)
        return sequence is not None and bool(sequence.free)

    def take_void(self, group: str, count: int) -> list[int]:
        """Return numbers that stand for nothing, and that no other event will get."""
        sequence = self._sequences.get(group)
        if sequence is None:
            return []
        void, sequence.free = sequence.free[:count], sequence.free[count:]
        return void

    def is_own(self, origin: str) -> bool:
        """Tell whether the events of an origin are numbered here."""
        return origin.startswith(self._prefix)

    def get_unmarked(self, group: str) -> int:
        """Return how many events were published since the last mark."""
        sequence = self._sequences.get(group)
        return 0 if sequence is None else sequence.unmarked

    def mark(self, group: str, *, is_end: bool = True) -> tuple[str, int] | None:
        """Return the origin and the last number, by which receivers see what is lost at the end.

        ``is_end``: no further mark is needed for what was published until now.
        """
        sequence = self._sequences.get(group)
        if sequence is None:
            return None
        if is_end:
            sequence.unmarked = 0
        sequence.marked = sequence.last
        return (sequence.origin, sequence.last) if sequence.last else None

    def _begin(self, group: str) -> _Sequence:
        if len(self._sequences) >= _MAX_GROUPS:
            self._sequences.popitem(last=False)
        self._begun += 1
        sequence = self._sequences[group] = _Sequence(f"{self._prefix}.{self._begun}")
        return sequence


class _Range:
    """Numbers from ``first`` to ``last`` that have not come, seen to be missing at ``since``."""

    __slots__ = ("first", "last", "since")

    def __init__(self, first: int, last: int, since: float) -> None:
        self.first = first
        self.last = last
        self.since = since

    def __len__(self) -> int:
        return self.last - self.first + 1


class _Origin:
    __slots__ = ("highest", "missing")

    def __init__(self, highest: int) -> None:
        self.highest = highest
        self.missing: list[_Range] = []
        """In ascending order, of the numbers and of the times."""


class Gaps:
    """The events of one group that have not come, though later ones of their sender have.

    What an origin sent before it was first heard of counts as nothing: this process may not have
    been in the group.
    """

    def __init__(self, grace: float = GRACE) -> None:
        self.grace = grace
        """Seconds for which a number may be missing."""
        self._origins: OrderedDict[str, _Origin] = OrderedDict()
        self._given_up = 0

    def get_deadline(self, now: float) -> float | None:
        """Return when to ask ``take_lost`` next; None: nothing is missing."""
        oldest = [each.missing[0].since for each in self._origins.values() if each.missing]
        if oldest:
            return min(oldest) + self.grace
        # Not at once: there may be many more soon.
        return now + self.grace if self._given_up else None

    @property
    def is_complete(self) -> bool:
        """Nothing is missing, and nothing lost that was not taken."""
        return not self._given_up and not any(each.missing for each in self._origins.values())

    def see(self, origin: str, number: int, now: float) -> bool:
        """Take note of an event; ``now`` never goes back. True: a gap is open since."""
        found = self._find(origin, number)
        step = number - found.highest
        if step == 1:
            found.highest = number
        elif step > 1:
            self._open(found, number - 1, now)
            found.highest = number
            return True
        elif found.missing:
            _take_out(found.missing, number)
            self._shorten(found.missing)
        return self._given_up > 0

    def hear_of(self, origin: str, number: int, now: float) -> bool:
        """Take note that there are events up to this number; true as with ``see``."""
        found = self._find(origin, number)
        if number > found.highest:
            self._open(found, number, now)
            return True
        return self._given_up > 0

    def skip(self, origin: str, numbers: list[int]) -> None:
        """Take note that there are no events with these numbers, of those that were heard of."""
        found = self._origins.get(origin)
        if found is None:
            return
        for number in numbers:
            _take_out(found.missing, number)
        self._shorten(found.missing)

    def take_lost(self, now: float) -> int:
        """Return how many have been missing for longer than the grace time, and forget them."""
        lost, self._given_up = self._given_up, 0
        for origin in self._origins.values():
            while origin.missing and origin.missing[0].since + self.grace <= now:
                lost += len(origin.missing.pop(0))
        return lost

    def _find(self, origin: str, number: int) -> _Origin:
        """Return an origin; a new one is taken to have come up to this number."""
        found = self._origins.get(origin)
        if found is not None:
            self._origins.move_to_end(origin)
            return found
        if len(self._origins) >= _MAX_ORIGINS:
            _, forgotten = self._origins.popitem(last=False)
            self._given_up += sum(map(len, forgotten.missing))
        found = self._origins[origin] = _Origin(number)
        return found

    def _open(self, origin: _Origin, last: int, now: float) -> None:
        first, origin.highest = origin.highest + 1, last
        if last - first < _MAX_JUMP:
            origin.missing.append(_Range(first, last, now))
            self._shorten(origin.missing)

    def _shorten(self, missing: list[_Range]) -> None:
        while len(missing) > _MAX_RANGES:
            self._given_up += len(missing.pop(0))


def _take_out(missing: list[_Range], number: int) -> None:
    """Take a number that has come after all out of the ranges; a range may become two."""
    index = bisect.bisect_right(missing, number, key=lambda each: each.first) - 1
    if index < 0 or number > missing[index].last:
        return
    found = missing[index]
    parts = []
    if found.first < number:
        parts.append(_Range(found.first, number - 1, found.since))
    if number < found.last:
        parts.append(_Range(number + 1, found.last, found.since))
    missing[index : index + 1] = parts
