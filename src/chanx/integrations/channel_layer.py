"""A broker over any Channels layer."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from channels.layers import BaseChannelLayer, InMemoryChannelLayer, get_channel_layer
from django.core.exceptions import ImproperlyConfigured

from chanx.engine.broker import OnEvent
from chanx.engine.hub import Hub
from chanx.engine.limits import find_bad_limits
from chanx.engine.pump import Pump
from chanx.engine.recovery import Recovery
from chanx.engine.stats import counters
from chanx.engine.tasks import raise_own_cancellation, spawn_detached
from chanx.exceptions import BrokerError, BrokerTimeout, BrokerUnavailable, EventMalformed
from chanx.integrations.layer_calls import LayerCalls
from chanx.integrations.names import ChannelNames
from chanx.integrations.probe import Probe
from chanx.integrations.reader import OnMessage, Reader
from chanx.integrations.refresh import Refresher
from chanx.integrations.subscription import Subscription
from chanx.log import RepeatLimit, get_logger, log_exception
from chanx.settings import chanx_settings

__all__ = ["ChannelLayerBroker", "get_hub"]

CHECK_INTERVAL: Final = 10.0
"""Seconds after which a process finds out whether what is sent to a group still arrives."""

_MENDERS: Final = 8
"""Groups that are joined again at a time: a layer opens a connection for each."""

_MAX_UNWANTED: Final = 10_000
"""Memberships that could not be ended, kept to be ended later; those beyond it expire."""


class ChannelLayerBroker:
    """Uses one channel of the layer per group, read by one task.

    One per group and not one for all, because an event that others published with a plain
    ``group_send`` does not say which group it was for; the channel on which it arrives does.

    What is subscribed to is joined again after each outage. ``deadline``: seconds that a call to
    the layer may take, None for any time. ``check_interval``: None for a layer that cannot fail
    unnoticed.
    """

    def __init__(
        self,
        layer: BaseChannelLayer,
        deadline: float | None = 5.0,
        check_interval: float | None = None,
    ) -> None:
        self.layer = layer
        self.deadline = deadline
        self._check_interval = check_interval
        self._on_event: OnEvent | None = None
        self.on_joined: Callable[[str], None] | None = None
        """Told of each group that was joined, also of those that had to be joined again."""
        self._subscriptions: dict[str, Subscription] = {}
        self._unwanted: deque[tuple[str, str]] = deque(maxlen=_MAX_UNWANTED)
        self._readers: WeakSet[Reader] = WeakSet()
        self._recovery = Recovery(self._mend, self._log_failure, self._log_return)
        self._calls = LayerCalls(
            layer, deadline, lambda: self._recovery.outages, self._recovery.fail
        )
        self._probe = Probe(self._calls, self.make_reader)
        self._log_limit = RepeatLimit()
        self._refresher = Refresher(self._calls, self._subscriptions, self._discard)
        self._check_timer: asyncio.TimerHandle | None = None
        self._checker: asyncio.Task[None] | None = None
        self._has_heard = False
        self._loop = asyncio.get_running_loop()
        self.names = ChannelNames(self._calls)

    @property
    def is_down(self) -> bool:
        """The layer has failed, and is not back."""
        return self._recovery.is_down

    def listen(self, on_event: OnEvent) -> None:
        """Give the events of groups to this function."""
        self._on_event = on_event

    # --- groups ---------------------------------------------------------------------------------

    async def subscribe(self, group: str, *, wait: bool = True) -> None:
        """Join the process to a group, now or when the layer is back.

        Raises BrokerError for what will not do later either, as a name that the layer refuses.
        """
        self._check_name(group)
        pump = Pump(lambda event: self._hand_over(group, event), f"chanx group {group}")
        subscription = self._subscriptions[group] = Subscription(group, pump)
        self._refresher.schedule()
        self._schedule_check()
        if self._recovery.is_down or not wait:
            self._recovery.start()
            return
        try:
            await self._join(subscription)
        except BrokerUnavailable:
            self._recovery.start()
        except BaseException:
            self._subscriptions.pop(group, None)
            # The layer may have done it all the same, for a channel that nobody reads.
            if subscription.reader:
                self._unwanted.append((group, subscription.reader.channel))
                self._recovery.start()
            # Or the mending would start the reader, which nobody would ever stop.
            await subscription.close(self.deadline)
            raise

    async def unsubscribe(self, group: str) -> None:
        """Leave a group; nothing is received afterwards.

        A layer that is down is told when it is back. Raises BrokerError when it refuses.
        """
        subscription = self._subscriptions.pop(group, None)
        if subscription is None:
            return
        try:
            if subscription.reader:
                await self._discard(group, subscription.reader.channel)
            await self._close_idle_probe()
        finally:
            await subscription.close(self.deadline)

    async def publish(self, group: str, event: dict[str, Any]) -> None:
        """Send an event to a group. Raises BrokerError."""
        await self._calls.call("group_send", group, event)

    def _check_name(self, group: str) -> None:
        """Raise BrokerError for a name that the layer would refuse, if it has a rule for that."""
        check = getattr(self.layer, "require_valid_group_name", None) or getattr(
            self.layer, "valid_group_name", None
        )
        try:
            if check:
                check(group)
        except (TypeError, ValueError) as error:
            raise BrokerError(f"The channel layer failed in group_add(): {error}") from error

    async def _join(self, subscription: Subscription, *, is_trial: bool = False) -> None:
        group = subscription.group
        subscription.is_joining = True
        try:
            if subscription.reader is None:
                channel = await self._calls.call("new_channel", is_trial=is_trial)
                name = f"chanx group {group}"
                subscription.reader = self.make_reader(channel, subscription.pump.put, name)
            reader = subscription.reader
            await self._calls.call("group_add", group, reader.channel, is_trial=is_trial)
        finally:
            subscription.is_joining = False
        if self._subscriptions.get(group) is subscription:
            subscription.is_joined = True
            reader.start()
            if self.on_joined:
                self.on_joined(group)
        else:  # left meanwhile
            # For good: the mending starts every reader that it knows.
            await reader.close(self.deadline)
            await self._discard(group, reader.channel)

    async def _discard(self, group: str, channel: str) -> None:
        try:
            await self._calls.call("group_discard", group, channel)
        except BrokerUnavailable:
            self._unwanted.append((group, channel))
            self._recovery.start()

    async def _hand_over(self, group: str, event: Any) -> None:
        self._has_heard = True
        try:
            if self._on_event:
                await self._on_event(group, event)
        except EventMalformed as error:
            self._log_malformed("Ignored a group event", group, str(error))
        except (Exception, asyncio.CancelledError) as error:
            raise_own_cancellation(error)
            if self._log_limit.admit(type(error).__name__) is not None:
                log_exception(get_logger(), "Failed to deliver a group event", error, group=group)

    # --- outages --------------------------------------------------------------------------------

    async def _mend(self) -> None:
        """Find out whether the layer is back, and make it as if it had not been away."""
        is_down = self._recovery.is_down
        if is_down:
            await self._probe_delivery()
        missing = [each for each in self._subscriptions.values() if is_down or not each.is_joined]
        waiting = iter(missing)
        async with asyncio.TaskGroup() as menders:
            for _ in range(min(_MENDERS, len(missing))):
                menders.create_task(self._join_again(waiting))
        for reader in list(self._readers):
            reader.start()
        # Last: nobody waits for these.
        await self._close_idle_probe()
        await self._end_unwanted()

    async def _end_unwanted(self) -> None:
        while self._unwanted:
            unwanted = self._unwanted.popleft()
            try:
                await self._calls.call("group_discard", *unwanted, is_trial=True)
            except BrokerUnavailable:
                self._unwanted.appendleft(unwanted)
                raise
            except BrokerError:
                continue  # refused: it expires

    async def _join_again(self, waiting: Iterator[Subscription]) -> None:
        for subscription in waiting:
            is_left = self._subscriptions.get(subscription.group) is not subscription
            if is_left or subscription.is_joining:
                continue
            try:
                await self._join(subscription, is_trial=True)
            except BrokerUnavailable:
                raise
            except BrokerError as error:
                subscription.is_joined = True  # or it would be tried for ever
                get_logger().error("Group not joined", group=subscription.group, error=str(error))

    async def _probe_delivery(self) -> None:
        if not self._subscriptions and not self._readers:
            await self._probe.call()
            return
        try:
            await self._probe.check(renew=True)
        except BrokerTimeout:
            # Perhaps it is us who wait on a connection that has no other end.
            for reader in list(self._readers):
                reader.restart()
            raise

    async def _close_idle_probe(self) -> None:
        """Leave the probe's group when there is nothing to hear.

        The group by which processes are told commands is something to hear, and is never left.
        """
        if not self._subscriptions:
            with contextlib.suppress(BrokerError):
                await self._probe.close()

    def _handle_receive_failure(self, error: BaseException) -> None:
        # The others would find out as well, each with a connection of its own.
        for reader in list(self._readers):
            reader.stop()
        self._recovery.fail(error)

    def _log_failure(self, error: BaseException) -> None:
        cause = error.__cause__ if isinstance(error, BrokerError) else None
        get_logger().warning(
            "Channel layer failed, trying again",
            error=repr(cause or error),
            groups=len(self._subscriptions),
        )

    def _log_return(self, seconds: float) -> None:
        get_logger().info(
            "Channel layer is back", seconds=round(seconds, 2), groups=len(self._subscriptions)
        )

    def _log_malformed(self, line: str, group: str | None, reason: str) -> None:
        counters.broker["events_malformed"] += 1
        left_out = self._log_limit.admit(reason)
        if left_out is not None:
            get_logger().warning(line, group=group, reason=reason, left_out=left_out)

    def log_lost(self, group: str, count: int) -> None:
        """Log that events of a group did not arrive."""
        left_out = self._log_limit.admit(f"lost {group}")
        if left_out is not None:
            get_logger().warning(
                "Group events were lost", group=group, count=count, left_out=left_out
            )

    def log_deaf(self, error: BrokerError) -> None:
        """Log why a lost end of a burst will not be noticed."""
        get_logger().warning("Some lost group events will not be noticed", error=str(error))

    def _schedule_check(self) -> None:
        if self._check_timer is None and self._check_interval and self._subscriptions:
            delay = self._check_interval * random.uniform(0.8, 1.2)
            self._check_timer = self._loop.call_later(delay, self._start_check)

    def _start_check(self) -> None:
        self._check_timer = None
        is_due = self._subscriptions and not self._recovery.is_down
        if is_due and (self._checker is None or self._checker.done()):
            self._checker = spawn_detached(self._check(), "chanx broker check")
        self._schedule_check()

    async def _check(self) -> None:
        outages = self._recovery.outages
        try:
            await self._check_memberships()
        except BrokerError as error:
            self._recovery.fail(error, outages)
        finally:
            # The last group may have been left meanwhile.
            await self._close_idle_probe()

    async def _check_memberships(self) -> None:
        """Find out whether the layer still knows the groups. Raises BrokerError.

        The probe's group stands for all: it is joined once, and a layer that loses its groups
        loses this one too. What arrives from other groups proves nothing, as some may have been
        joined after the loss.
        """
        is_first = not self._probe.is_open
        self._has_heard = False
        try:
            await self._probe.check(renew=False)
        except BrokerTimeout:
            if self.is_down or not self._has_heard:
                raise
        else:
            if is_first:  # nothing has told until now whether the others were lost
                await self._refresher.refresh_all()
            return
        # The layer delivers. Either the probe's group is gone, or its events find no room.
        try:
            await self._probe.check(renew=True)
        except BrokerTimeout:
            if self.is_down:
                raise
            return
        counters.broker["memberships_lost"] += 1
        get_logger().warning(
            "Channel layer lost groups, joining them again", groups=len(self._subscriptions)
        )
        for subscription in self._subscriptions.values():
            subscription.is_joined = False
        self._recovery.start()

    # --- channels -------------------------------------------------------------------------------

    def make_reader(
        self, channel: str, handle: OnMessage, name: str, context: Context | None = None
    ) -> Reader:
        """Return a reader that is started again after each outage, until it is closed."""
        reader = Reader(
            self.layer,
            channel,
            handle,
            self._handle_receive_failure,
            lambda error: self._log_malformed("Unreadable event", None, type(error).__name__),
            name,
            context,
        )
        self._readers.add(reader)
        return reader

    async def pass_on(self, what: str, *arguments: Any) -> Any:
        """Call a method of the layer, whose exceptions come as they are.

        Raises BrokerTimeout too, and BrokerUnavailable while the layer is known not to answer.
        """
        return await self._calls.pass_on(what, *arguments)


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, tuple[Hub, ChannelLayerBroker]]]"
_hubs = WeakKeyDictionary()


def get_hub(alias: str) -> tuple[Hub, ChannelLayerBroker] | None:
    """Return the hub of this process for a layer, and its broker; None: no such layer.

    One per event loop: tests run each in a loop of its own, and a layer outlives them. Raises
    ImproperlyConfigured for a BROKER_TIMEOUT that is no number of seconds.
    """
    layer = get_channel_layer(alias)
    if layer is None:
        return None
    hubs = _hubs.setdefault(asyncio.get_running_loop(), {})
    found = hubs.get(id(layer))
    if found is None or found[1].layer is not layer:
        # A broker's tasks and timers know their loop, which would keep it alive from here.
        for loop in [loop for loop in _hubs if loop.is_closed()]:
            del _hubs[loop]
        check_interval = None if type(layer) is InMemoryChannelLayer else CHECK_INTERVAL
        broker = ChannelLayerBroker(layer, _get_deadline(), check_interval)
        hub = Hub(broker, broker.log_lost, broker.log_deaf)
        found = hubs[id(layer)] = (hub, broker)
    return found


def _get_deadline() -> float | None:
    deadline = chanx_settings.BROKER_TIMEOUT
    for name, problem in find_bad_limits({"broker_timeout": deadline}):
        raise ImproperlyConfigured(f"CHANX[{name.upper()!r}] {problem}")
    return deadline
