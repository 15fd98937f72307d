"""The groups of this process: who is in which, and one hand-over per event to each outbox."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from chanx.engine.broker import Broker
from chanx.engine.events import EVENT_TYPE, Delivery, GroupEvent
from chanx.engine.tasks import spawn_detached
from chanx.engine.writers import get_writers
from chanx.exceptions import BrokerError, EventMalformed

__all__ = ["Hub", "Member"]

_BATCH: Final = 200
"""Members served before the event loop gets a turn: at 2 to 10 microseconds each, about 1 ms."""


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


class _Group:
    __slots__ = ("is_subscribed", "lock", "members", "waiting")

    def __init__(self) -> None:
        self.members: dict[Member, None] = {}
        self.lock = asyncio.Lock()
        self.is_subscribed = False
        self.waiting: dict[str, Callable[[], None]] = {}
        """By the id of an event that was published here: whom to tell that it was handed over."""


class Hub:
    """Joins this process to a group once, however many members the group has here."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._groups: dict[str, _Group] = {}
        self._memberships: dict[Member, set[str]] = {}
        self._releasing: set[asyncio.Task[None]] = set()
        broker.listen(self.handle_event)

    async def join(self, member: Member, names: Iterable[str]) -> None:
        """Put a member into groups; it may be in some of them already.

        Returns when events published from now on reach it. Raises BrokerError, and the member is
        then in the groups that went before the one that failed.
        """
        for name in names:
            group = self._groups.get(name)
            if group is None:
                group = self._groups[name] = _Group()
            group.members[member] = None
            self._memberships.setdefault(member, set()).add(name)
            if group.is_subscribed:
                continue
            try:
                async with group.lock:
                    # Another member may have subscribed while this one waited for the lock.
                    if not group.is_subscribed:
                        await self._broker.subscribe(name)
                        group.is_subscribed = True
            except BaseException:
                self._forget(member, name)
                raise
            finally:
                # All who wanted it may have gone meanwhile.
                if not group.members:
                    self._start_release([name])

    async def leave(self, member: Member, names: Iterable[str] | None = None) -> None:
        """Take a member out of these groups, or of all. At once for the member itself.

        Raises nothing for groups that it is not in. Raises BrokerError when the last member left
        and the broker could not be told; it then lets the membership expire. A caller that is
        cancelled does not keep the broker from being told.
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
        if there are any here.
        """
        group = self._groups.get(event.group)
        if group and group.members and on_delivered and event.id:
            group.waiting[event.id] = on_delivered
        try:
            return await self._broker.publish(event.group, event.to_dict())
        except BaseException:
            if group and event.id:
                group.waiting.pop(event.id, None)
            raise

    def get_members(self, name: str) -> tuple[Member, ...]:
        """Return the members of a group in this process, in the order in which they joined."""
        group = self._groups.get(name)
        return tuple(group.members) if group else ()

    async def handle_event(self, name: str, event: dict[str, Any]) -> None:
        """Hand an event of the broker to the members of a group. Raises EventMalformed."""
        if event.get("type") == EVENT_TYPE:
            await self._handle_message(GroupEvent.from_dict(event, name))
            return
        members = self.get_members(name)
        if not isinstance(event.get("type"), str):
            raise EventMalformed("The event has no 'type' that is a string")
        taken = 0
        for count, member in enumerate(members, start=1):
            taken += member.enqueue(event)
            if count % _BATCH == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        if members and not taken:
            raise EventMalformed(f"No member of the group has a handler for {event['type']!r}")

    async def _handle_message(self, event: GroupEvent) -> None:
        group = self._groups.get(event.group)
        members = group.members if group else {}
        texts: dict[tuple[bool, bool], Delivery] = {}
        writers = get_writers()
        for count, member in enumerate(tuple(members), start=1):
            is_current = event.is_from(member.id)
            if member not in members or (is_current and event.exclude_current):
                continue
            flags = (event.is_owned_by(member.user), is_current)
            delivery = texts.get(flags)
            if delivery is None:
                delivery = texts[flags] = event.render(is_mine=flags[0], is_current=flags[1])
            member.deliver(event, delivery)
            if count % _BATCH == 0:
                await writers.wait()
        if group and event.id and (on_delivered := group.waiting.pop(event.id, None)):
            on_delivered()
        # A broker may hand over the next event without suspending. Before it comes, this one is to
        # be with the sockets; other groups are on their way as well, and outboxes are bounded.
        await writers.wait()

    def _forget(self, member: Member, name: str) -> None:
        if group := self._groups.get(name):
            group.members.pop(member, None)
        names = self._memberships.get(member)
        if names:
            names.discard(name)
            if not names:
                del self._memberships[member]

    def _start_release(self, names: list[str]) -> asyncio.Task[None]:
        task = spawn_detached(self._release(names), "chanx leaving groups")
        # The loop keeps weak references only.
        self._releasing.add(task)
        task.add_done_callback(self._end_release)
        return task

    def _end_release(self, task: asyncio.Task[None]) -> None:
        self._releasing.discard(task)
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
