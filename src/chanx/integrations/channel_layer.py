"""A broker over any Channels layer."""

import asyncio
import contextlib
import functools
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from channels.layers import BaseChannelLayer, get_channel_layer

from chanx.engine.broker import OnEvent
from chanx.engine.hub import Hub
from chanx.engine.tasks import cancel_and_wait, spawn_detached
from chanx.exceptions import BrokerError, BrokerTimeout, EventMalformed
from chanx.log import get_logger

__all__ = ["ChannelLayerBroker", "get_hub"]

DEADLINE: Final = 5.0
"""Seconds that a call to the layer may take."""

_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 2.0

_KEPT_NAMES: Final = 8
"""Channel names in store, for layers that have to subscribe to each."""

T = TypeVar("T")
OnMessage = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class _Subscription:
    channel: str
    reader: asyncio.Task[None]


class ChannelLayerBroker:
    """Uses one channel of the layer per group, read by one task.

    One per group and not one for all, because an event that others published with a plain
    ``group_send`` does not say which group it was for; the channel on which it arrives does.
    """

    def __init__(self, layer: BaseChannelLayer, deadline: float = DEADLINE) -> None:
        self.layer = layer
        self._deadline = deadline
        self._on_event: OnEvent | None = None
        self._subscriptions: dict[str, _Subscription] = {}
        self._refresh_timer: asyncio.TimerHandle | None = None
        self._refresher: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._names: list[str] = []
        self._filling: asyncio.Task[None] | None = None
        # Found out before the first connection can need one.
        self._keeps_names = False
        with contextlib.suppress(Exception):  # a layer that is down says so when it is used
            self._keeps_names = _get_result_at_once(layer.new_channel()) is None
        if self._keeps_names:
            self._start_filling()

    def listen(self, on_event: OnEvent) -> None:
        """Give the events of groups to this function."""
        self._on_event = on_event

    async def subscribe(self, group: str) -> None:
        """Join the process to a group. Raises BrokerError."""
        channel = await self._call("new_channel", self.layer.new_channel())
        try:
            await self._call("group_add", self.layer.group_add(group, channel))
        except BaseException:
            # The layer may have done it all the same, for a channel that nobody reads.
            with contextlib.suppress(BrokerError):
                await self._call("group_discard", self.layer.group_discard(group, channel))
            raise
        reader = spawn_detached(
            # A layer that failed may come back empty, so the membership is made anew.
            self.read(
                channel,
                functools.partial(self._hand_over, group),
                functools.partial(self.layer.group_add, group, channel),
            ),
            f"chanx group {group}",
        )
        self._subscriptions[group] = _Subscription(channel, reader)
        self._schedule_refresh()

    async def unsubscribe(self, group: str) -> None:
        """Leave a group. Raises BrokerError; nothing is received afterwards even so."""
        subscription = self._subscriptions.pop(group, None)
        if subscription is None:
            return
        try:
            await self._call("group_discard", self.layer.group_discard(group, subscription.channel))
        finally:
            # Cancelling receive() is how a layer learns that a channel is not read any more.
            await cancel_and_wait((subscription.reader,), self._deadline)

    async def publish(self, group: str, event: dict[str, Any]) -> None:
        """Send an event to a group. Raises BrokerError."""
        await self._call("group_send", self.layer.group_send(group, event))

    def make_own_name(self) -> tuple[str, bool]:
        """Return a new channel name that the layer routes to this process, without waiting.

        And tell whether nothing that is sent to it is lost. Most layers make one without asking
        anybody. For one that must subscribe to it first (Redis pub/sub) some are kept in store;
        only a burst that empties the store gets names from here, to which ``receive`` subscribes.
        """
        if not self._keeps_names:
            name = None
            with contextlib.suppress(Exception):
                name = _get_result_at_once(self.layer.new_channel())
                self._keeps_names = name is None
        else:
            name = self._names.pop() if self._names else None
        if self._keeps_names:
            # From the loop: a name may be read in a thread.
            self._loop.call_soon_threadsafe(self._start_filling)
        return name or f"specific.{uuid.uuid4().hex}", name is not None

    def _start_filling(self) -> None:
        if self._filling is None or self._filling.done():
            self._filling = spawn_detached(self._fill_names(), "chanx channel names")

    async def _fill_names(self) -> None:
        try:
            while len(self._names) < _KEPT_NAMES:
                self._names.append(await self._call("new_channel", self.layer.new_channel()))
        except BrokerError as error:
            get_logger().warning("No channel names to keep in store", error=str(error))

    async def limit(self, what: str, call: Awaitable[T]) -> T:
        """Wait for a call of the layer, until the deadline. Raises BrokerTimeout."""
        try:
            async with asyncio.timeout(self._deadline):
                return await call
        except TimeoutError as error:
            raise BrokerTimeout(
                f"The channel layer did not answer {what}() within {self._deadline:g} s"
            ) from error

    async def _call(self, what: str, call: Awaitable[T]) -> T:
        try:
            return await self.limit(what, call)
        except BrokerTimeout:
            raise
        except Exception as error:
            raise BrokerError(f"The channel layer failed in {what}(): {error}") from error

    async def read(
        self, channel: str, handle: OnMessage, restore: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Give what arrives on a channel to ``handle``, one after the other, until cancelled.

        When the layer fails, that is logged once, and it is tried again, less and less often;
        ``restore`` is called before each new try.
        """
        failures = 0
        while True:
            try:
                if failures and restore:
                    await self.limit("group_add", restore())
                event = await self.layer.receive(channel)
            except Exception as error:
                if not failures:
                    get_logger().warning("Channel layer failed, trying again", error=repr(error))
                failures += 1
                longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(failures, 10))
                await asyncio.sleep(random.uniform(_FIRST_DELAY, longest))
                continue
            if failures:
                get_logger().info("Channel layer is back")
                failures = 0
            try:
                await handle(event)
            except Exception:
                get_logger().exception("Failed to handle an event of the channel layer")

    async def _hand_over(self, group: str, event: dict[str, Any]) -> None:
        try:
            if self._on_event:
                await self._on_event(group, event)
        except EventMalformed as error:
            get_logger().warning("Ignored a group event", group=group, reason=str(error))
        except Exception:
            get_logger().exception("Failed to deliver a group event", group=group)

    def _schedule_refresh(self) -> None:
        expiry = getattr(self.layer, "group_expiry", None)
        if self._refresh_timer is None and expiry:
            loop = asyncio.get_running_loop()
            self._refresh_timer = loop.call_later(expiry / 3, self._start_refresh)

    def _start_refresh(self) -> None:
        self._refresh_timer = None
        if self._subscriptions:
            self._refresher = spawn_detached(self._refresh(), "chanx membership refresh")
            self._schedule_refresh()

    async def _refresh(self) -> None:
        for group, subscription in list(self._subscriptions.items()):
            if self._subscriptions.get(group) is not subscription:
                continue  # left meanwhile
            try:
                await self._call("group_add", self.layer.group_add(group, subscription.channel))
            except BrokerError as error:
                # Two more turns come before the membership expires.
                get_logger().warning("Membership not refreshed", group=group, error=str(error))


def _get_result_at_once(call: Any) -> str | None:
    """Run a coroutine to its end if it never suspends; None when it would have to wait."""
    try:
        call.send(None)
    except StopIteration as stop:
        return str(stop.value)
    call.close()
    return None


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, tuple[Hub, ChannelLayerBroker]]]"
_hubs = WeakKeyDictionary()


def get_hub(alias: str) -> tuple[Hub, ChannelLayerBroker] | None:
    """Return the hub of this process for a layer, and its broker; None: no such layer.

    One per event loop: tests run each in a loop of its own, and a layer outlives them.
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
        broker = ChannelLayerBroker(layer)
        found = hubs[id(layer)] = (Hub(broker), broker)
    return found
