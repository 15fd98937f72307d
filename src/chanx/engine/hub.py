"""The groups of this process: who is in which, and one hand-over per event to each outbox."""

import asyncio
import copy
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, Protocol
from weakref import WeakSet

from chanx.engine.broker import Broker
from chanx.engine.events import EVENT_TYPE, INTERNAL_PREFIX, Delivery, GroupEvent
from chanx.engine.losses import MARKS, Losses
from chanx.engine.stats import counters
from chanx.engine.tasks import spawn_detached
from chanx.engine.writers import get_writers
from chanx.exceptions import BrokerError, EventMalformed

__all__ = ["INTERNAL_PREFIX", "MARKS", "Hub", "Member", "check_group_name", "get_hubs"]

_BATCH: Final = 200
"""Members served before the event loop gets a turn: at 2 to 10 microseconds each, about 1 ms."""

OnLost = Callable[[str, int], None]
OnDeaf = Callable[[BrokerError], None]


def check_group_name(name: Any) -> None:
    """Raise ValueError for the name of a group that is chanx's own.

    A consumer may take names from its clients, who are not to reach what processes tell each other.
    """
    if isinstance(name, str) and name.startswith(INTERNAL_PREFIX):
        raise ValueError(
            f"The group {name[:100]!r} is chanx's own, as all whose names begin with "
            f"{INTERNAL_PREFIX!r}: choose another name"
        )


class Member(Protocol):
    """A connection as the hub sees it."""

    id: str
    """Tells connections of all processes apart."""
    user: str | None
    """Tells users apart; None for anonymous ones."""

    def deliver(self, event: GroupEvent, delivery: Delivery) -> None:
        """Queue the delivery. Must neither block nor raise."""

    def enqueue(self, event: dict[str, Any]) -> bool:
        """Queue an event that is not a group message; False: it has no handler for this type.

        Must neither block nor raise, nor change the event: other members get the same object.
        """
        ...

    def lose(self, group: str, count: int) -> None:
        """Take note that so many events of a group did not arrive. Must neither block nor raise."""


class _Group:
    __slots__ = ("is_subscribed", "joining", "lock", "members", "waiting")

    def __init__(self) -> None:
        self.members: dict[Member, None] = {}
        self.lock = asyncio.Lock()
        self.is_subscribed = False
        self.waiting: dict[str, Callable[[], None]] = {}
        """By the id of an event that was published here: whom to tell that it was handed over."""
        self.joining: dict[Member, int] = {}
        """How many calls of ``join`` wait for the subscription, by member."""


class Hub:
    """Joins this process to a group once, however many members the group has here.

    ``on_lost`` is told the group and the number of events that did not arrive, beside the members.
    ``on_deaf`` is told why some losses will not be noticed.
    """

    def __init__(
        self, broker: Broker, on_lost: OnLost | None = None, on_deaf: OnDeaf | None = None
    ) -> None:
        self._broker = broker
        self._on_lost = on_lost
        self._losses = Losses(
            broker,
            self._start,
            is_in=self._is_subscribed,
            is_needed=self._has_groups,
            on_lost=self._handle_lost,
            on_deaf=on_deaf,
        )
        self._groups: dict[str, _Group] = {}
        self._memberships: dict[Member, set[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        broker.listen(self.handle_event)
        _hubs.add(self)

    async def join(
        self, member: Member, names: Iterable[str], *, is_internal: bool = False
    ) -> None:
        """Put a member into groups; it may be in some of them already.

        Returns when events published from now on reach it, or those from the broker's return on if
        that is out of reach. All groups together are waited for as long as one call of the broker
        may take, and one call more. Raises BrokerError for a mistake; the member is then in the
        groups that went before the one that failed. Raises ValueError, and changes nothing, for
        names of chanx's own groups, which only ``is_internal`` members may join.
        """
        names = list(names)
        if not is_internal:
            for name in names:
                check_group_name(name)
        ends: float | None = None
        for name in names:
            group = self._groups.get(name)
            if group is None:
                group = self._groups[name] = _Group()
            group.members[member] = None
            self._memberships.setdefault(member, set()).add(name)
            if group.is_subscribed:
                continue
            now = asyncio.get_running_loop().time()
            if ends is None:
                deadline = self._broker.deadline
                ends = float("inf") if deadline is None else now + deadline
            await self._subscribe(group, name, member, wait=now < ends)

    async def _subscribe(self, group: _Group, name: str, member: Member, *, wait: bool) -> None:
        group.joining[member] = group.joining.get(member, 0) + 1
        is_joined = False
        try:
            async with group.lock:
                # Another member may have subscribed while this one waited for the lock.
                if not group.is_subscribed:
                    await self._broker.subscribe(name, wait=wait)
                    group.is_subscribed = True
            is_joined = True
        finally:
            group.joining[member] -= 1
            if not group.joining[member]:
                del group.joining[member]
                # Otherwise the same member waits in another call, which decides.
                if not is_joined:
                    self._forget(member, name)
            # All who wanted it may have gone meanwhile.
            if not group.members:
                self._start_release([name])

    async def leave(self, member: Member, names: Iterable[str] | None = None) -> None:
        """Take a member out of these groups, or of all. At once for the member itself.

        Raises nothing for groups that it is not in. Raises BrokerError when the last member left
        and the broker refused; it then lets the membership expire. A caller that is cancelled does
        not keep the broker from being told.
        """
        mine = self._memberships.get(member, set())
        left = list(mine) if names is None else [name for name in names if name in mine]
        for name in left:
            self._forget(member, name)
        empty = [name for name in left if not self.get_members(name)]
        if empty:
            await asyncio.shield(self._start_release(empty))

    async def publish(
        self, event: GroupEvent, on_delivered: Callable[[], None] | None = None
    ) -> object | None:
        """Send an event to the members of its group in all processes.

        ``on_delivered`` is called when the event has come back and was handed to the members here,
        if there are any here. Raises ValueError for chanx's own groups, and BrokerError.
        """
        check_group_name(event.group)
        group = self._groups.get(event.group)
        if group and group.members and on_delivered and event.id:
            group.waiting[event.id] = on_delivered
        origin, number = self._losses.take_number(event.group)
        content = event.to_dict()
        content["origin"], content["number"] = origin, number
        try:
            position = await self._broker.publish(event.group, content)
            self._losses.handle_published(event.group)
            return position
        except BaseException:
            self._losses.handle_failed(event.group, origin, number)
            if group and event.id:
                group.waiting.pop(event.id, None)
            raise

    def get_members(self, name: str) -> tuple[Member, ...]:
        """Return the members of a group in this process, in the order in which they joined."""
        group = self._groups.get(name)
        return tuple(group.members) if group else ()

    def get_names(self) -> tuple[str, ...]:
        """Return the names of all groups, chanx's own and those that are being left included."""
        return tuple(self._groups)

    @property
    def group_count(self) -> int:
        """How many groups have a member in this process."""
        return sum(
            bool(group.members)
            for name, group in list(self._groups.items())
            if not name.startswith(INTERNAL_PREFIX)
        )

    @property
    def membership_count(self) -> int:
        """How many members these groups have here, all together."""
        return sum(
            len(group.members)
            for name, group in list(self._groups.items())
            if not name.startswith(INTERNAL_PREFIX)
        )

    def get_groups(self, member: Member) -> tuple[str, ...]:
        """Return the names of the groups that a member is in."""
        return tuple(self._memberships.get(member, ()))

    async def handle_event(self, name: str, event: Any) -> None:
        """Hand an event of the broker to the members of a group. Raises EventMalformed."""
        kind = event.get("type") if isinstance(event, dict) else None
        if not isinstance(kind, str):
            raise EventMalformed("The event is no dict with a 'type' that is a string")
        if kind == EVENT_TYPE:
            await self._handle_message(GroupEvent.from_dict(event, name))
        elif name == MARKS:
            self._losses.handle_mark(event)
        else:
            await self._handle_other(name, event, kind)

    async def _handle_other(self, name: str, event: dict[str, Any], kind: str) -> None:
        members = self.get_members(name)
        try:
            # Each member gets a copy. What has none is refused once, and not by each of them.
            copy.deepcopy(event)
        except Exception as error:
            raise EventMalformed(f"The event cannot be copied: {type(error).__name__}") from error
        taken = 0
        for count, member in enumerate(members, start=1):
            taken += member.enqueue(event)
            if count % _BATCH == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        if members and not taken:
            raise EventMalformed(f"No member of the group has a handler for {kind[:100]!r}")

    async def _handle_message(self, event: GroupEvent) -> None:
        if event.origin is not None and event.number is not None:
            self._losses.note(event.group, event.origin, event.number)
        group = self._groups.get(event.group)
        members = group.members if group else {}
        texts: dict[tuple[bool, bool], Delivery] = {}
        writers = get_writers()
        count = skipped = 0
        for count, member in enumerate(tuple(members), start=1):
            is_current = event.is_from(member.id)
            if member not in members or (is_current and event.exclude_current):
                skipped += 1
                continue
            flags = (event.is_owned_by(member.user), is_current)
            delivery = texts.get(flags)
            if delivery is None:
                try:
                    delivery = event.render(is_mine=flags[0], is_current=flags[1])
                except UnicodeEncodeError:
                    raise EventMalformed("The text of the event has no form in UTF-8") from None
                texts[flags] = delivery
            member.deliver(event, delivery)
            if count % _BATCH == 0:
                await writers.wait()
        counters.deliveries += count - skipped
        if group and event.id and (on_delivered := group.waiting.pop(event.id, None)):
            on_delivered()
        # A broker may hand over the next event without suspending. Before it comes, this one is to
        # be with the sockets; other groups are on their way as well, and outboxes are bounded.
        await writers.wait()

    # --- events that do not arrive --------------------------------------------------------------

    def _is_subscribed(self, name: str) -> bool:
        group = self._groups.get(name)
        return group is not None and group.is_subscribed

    def _has_groups(self) -> bool:
        # The process stays in one of its own for ever.
        return any(not name.startswith(INTERNAL_PREFIX) for name in self._groups)

    def _handle_lost(self, name: str, count: int) -> None:
        counters.broker["events_lost"] += count
        if self._on_lost:
            self._on_lost(name, count)
        for member in self.get_members(name):
            member.lose(name, count)

    # --- leaving --------------------------------------------------------------------------------

    def _forget(self, member: Member, name: str) -> None:
        if group := self._groups.get(name):
            group.members.pop(member, None)
        names = self._memberships.get(member)
        if names:
            names.discard(name)
            if not names:
                del self._memberships[member]

    def _start_release(self, names: list[str]) -> asyncio.Task[None]:
        return self._start(self._release(names), "chanx leaving groups")

    def _start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = spawn_detached(coroutine, name)
        # The loop keeps weak references only.
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen; whoever waited for it was told

    async def _release(self, names: list[str]) -> None:
        """Unsubscribe from the groups that are still empty, also after one that failed."""
        first: BrokerError | None = None
        for name in names:
            try:
                await self._unsubscribe_if_empty(name)
            except BrokerError as error:
                first = first or error
        if self._losses.wants_marks and not self._has_groups():
            await self._losses.update_marks()
        if first:
            try:
                raise first
            finally:
                del first  # or its traceback and this frame would keep each other alive

    async def _unsubscribe_if_empty(self, name: str) -> None:
        group = self._groups.get(name)
        if group is None or group.members:
            return
        try:
            async with group.lock:
                if not group.members and group.is_subscribed:
                    # Before the call: a member that joins during it must subscribe again.
                    group.is_subscribed = False
                    # Nor is it to miss what comes while the process is not in the group.
                    self._losses.forget(name)
                    await self._broker.unsubscribe(name)
        finally:
            self._discard(name)

    def _discard(self, name: str) -> None:
        group = self._groups.get(name)
        if group and not group.members and not group.is_subscribed and not group.lock.locked():
            del self._groups[name]
            # What is still on its way finds nobody here.
            for on_delivered in group.waiting.values():
                on_delivered()


_hubs: WeakSet[Hub] = WeakSet()


def get_hubs() -> list[Hub]:
    """Return the hubs of this process: one per event loop and broker."""
    return list(_hubs)
