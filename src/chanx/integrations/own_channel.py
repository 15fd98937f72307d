"""A connection's own channel: its name costs nothing until somebody asks for it."""

import asyncio
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import Any, Final

from chanx.engine.hub import Hub, Member, check_group_name
from chanx.exceptions import BrokerTimeout
from chanx.integrations.channel_layer import ChannelLayerBroker
from chanx.integrations.reader import OnMessage, Reader
from chanx.log import get_logger

__all__ = ["ConnectionLayer", "OwnChannel"]

_READY: Final = "chanx.ready"
_PROBE_INTERVAL: Final = 0.2


class OwnChannel:
    """Makes the name when it is first read, and from then on receives what is sent to it."""

    def __init__(self, broker: ChannelLayerBroker, on_event: OnMessage) -> None:
        self._broker = broker
        self._on_event = on_event
        self._name: str | None = None
        self._reader: Reader | None = None
        self.is_safe_to_tell = True
        """False: what is sent to the name may be lost until the layer has subscribed to it."""
        self._is_ready = False
        self._waiting: asyncio.Event | None = None
        self._loop = asyncio.get_running_loop()
        # The connection's log fields, and not those of the message whose handler reads the name.
        self._context = copy_context()
        self.is_closed = False

    @property
    def name(self) -> str:
        """The name. Reading it for the first time starts the reader."""
        if self._name is None:
            self._name, self.is_safe_to_tell = self._broker.names.make()
            if _get_running_loop() is self._loop:
                self._start()
            else:  # read in a thread
                self._loop.call_soon_threadsafe(self._start)
        return self._name

    def is_name(self, channel: str) -> bool:
        """Tell whether this is the name, without making one."""
        return self._name == channel

    async def wait_until_ready(self) -> None:
        """Wait until an event sent to the name arrives here; at once when nobody uses the name.

        Layers that publish and forget (Redis pub/sub) lose what comes before the subscription, and
        no layer tells when it is in force. So an event of our own is sent until it comes through.
        Raises BrokerTimeout.
        """
        if self._name is None or self._is_ready:
            return
        self._waiting = self._waiting or asyncio.Event()
        try:
            async with asyncio.timeout(self._broker.deadline):
                while not self._is_ready:
                    await self._broker.pass_on("send", self._name, {"type": _READY})
                    try:
                        async with asyncio.timeout(_PROBE_INTERVAL):
                            await self._waiting.wait()
                    except TimeoutError:
                        continue
        except TimeoutError as error:
            raise BrokerTimeout("The channel layer does not deliver to this process") from error

    async def make_safe_to_tell(self) -> None:
        """Wait until the name can be told to others, as long as a call of the layer may take."""
        try:
            await self.wait_until_ready()
        except Exception as error:  # the layer's own, or BrokerTimeout
            get_logger().warning("Own channel is not ready", error=repr(error))
        finally:
            self.is_safe_to_tell = True

    async def close(self) -> None:
        """Stop receiving."""
        self.is_closed = True
        if self._reader:
            await self._reader.close(self._broker.deadline)

    def _start(self) -> None:
        if self._name is not None and not self.is_closed:
            self._reader = self._broker.make_reader(
                self._name, self._handle, "chanx own channel", self._context
            )
            self._reader.start()

    async def _handle(self, event: Any) -> None:
        if isinstance(event, dict) and event.get("type") == _READY:
            self._is_ready = True
            if self._waiting:
                self._waiting.set()
            return
        try:
            await self._on_event(event)
        except Exception:
            get_logger().exception("Failed to handle an event of the channel layer")
        # A layer may hand over the next event without suspending.
        await asyncio.sleep(0)


def _get_running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class ConnectionLayer:
    """The channel layer as a consumer sees it: the layer itself, but for the consumer's own name.

    Adding the own name to a group makes the connection a member in the hub, so a group costs the
    process one membership also for those who join in Channels' way.
    """

    def __init__(
        self, broker: ChannelLayerBroker, hub: Hub, member: Member, own_channel: OwnChannel
    ) -> None:
        self._broker = broker
        self._layer: Any = broker.layer
        self._hub = hub
        self._member = member
        self._own_channel = own_channel
        self.check_groups: Callable[[Iterable[str]], None] | None = None
        """Raises when the connection may not join so many groups."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    async def group_add(self, group: str, channel: str) -> None:
        """Add a channel to a group. Raises BrokerError and TooManyGroups for the own name.

        This, ``group_discard`` and ``group_send`` raise ValueError for chanx's own groups.
        """
        check_group_name(group)
        if not self._own_channel.is_name(channel):
            await self._broker.pass_on("group_add", group, channel)
        elif not self._own_channel.is_closed:
            if self.check_groups:
                self.check_groups([group])
            await self._hub.join(self._member, [group])
            if self._own_channel.is_closed:  # a task of the application outlived the connection
                await self._hub.leave(self._member, [group])

    async def group_discard(self, group: str, channel: str) -> None:
        """Take a channel out of a group. Raises BrokerError for the own name."""
        check_group_name(group)
        if self._own_channel.is_name(channel):
            await self._hub.leave(self._member, [group])
        else:
            await self._broker.pass_on("group_discard", group, channel)

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Send to a channel, which may answer to the own name: that is being received by then."""
        await self._own_channel.wait_until_ready()
        await self._broker.pass_on("send", channel, message)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send to a group, whose members may answer to the own name."""
        check_group_name(group)
        await self._own_channel.wait_until_ready()
        await self._broker.pass_on("group_send", group, message)
