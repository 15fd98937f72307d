"""Whether what is sent to a group arrives in this process."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any, Final

from chanx.engine.events import PROBE_TYPE
from chanx.exceptions import BrokerError, BrokerTimeout, BrokerUnavailable
from chanx.integrations.layer_calls import LayerCalls
from chanx.integrations.reader import OnMessage, Reader

__all__ = ["Probe"]

_LONGEST_WAY: Final = 30.0
"""Seconds after which an event is taken for lost when calls have no deadline."""

_AGAIN: Final = 0.2
"""Seconds until the event is sent once more: pub/sub forgets what comes before a subscription."""


class Probe:
    """A group and a channel of this process alone, to which it sends an event now and then.

    That a layer answers does not say that it delivers: it may have come back empty, or the
    connection on which it delivers may be cut without anybody having been told.
    """

    def __init__(
        self, calls: LayerCalls, make_reader: Callable[[str, OnMessage, str], Reader]
    ) -> None:
        self._group = f"chanx.probe.{uuid.uuid4().hex}"
        self._calls = calls
        self._make_reader = make_reader
        self._reader: Reader | None = None
        self._arrived = asyncio.Event()
        self._checks = 0

    @property
    def is_open(self) -> bool:
        """Its group was joined, so the next check tells whether the layer has forgotten it."""
        return self._reader is not None

    async def call(self) -> None:
        """Find out whether the layer answers. Raises BrokerError."""
        await self._send()

    async def check(self, *, renew: bool) -> None:
        """Find out whether the layer delivers. Raises BrokerError.

        ``renew``: join the group again; without, that the layer has forgotten it is found out.
        """
        self._checks += 1
        try:
            await self._check(renew=renew)
        finally:
            self._checks -= 1

    async def _check(self, *, renew: bool) -> None:
        # Before all else: a layer that does not answer may keep each name that it is asked for.
        await self._send()
        if self._reader is None:
            channel = await self._calls.call("new_channel", is_trial=True)
            self._reader = self._make_reader(channel, self._take, "chanx probe")
            renew = True
        reader = self._reader
        if renew:
            await self._calls.call("group_add", self._group, reader.channel, is_trial=True)
        reader.start()
        try:
            async with asyncio.timeout(self._calls.deadline or _LONGEST_WAY):
                await self._wait_until_it_arrives(reader)
        except BrokerError:
            raise
        except TimeoutError:
            raise BrokerTimeout("The channel layer does not deliver to this process") from None

    async def close(self) -> None:
        """Leave the group; the next check begins anew. Raises BrokerError.

        Does nothing during a check, which would take that for a failure of the layer: who checks
        closes afterwards.
        """
        if self._checks:
            return
        reader, self._reader = self._reader, None
        if reader:
            try:
                await self._calls.call("group_discard", self._group, reader.channel)
            finally:
                await reader.close(self._calls.deadline)

    async def _wait_until_it_arrives(self, reader: Reader) -> None:
        self._arrived.clear()
        while True:
            await self._send()
            try:
                async with asyncio.timeout(_AGAIN):
                    await self._arrived.wait()
                    return
            except TimeoutError:
                if not reader.is_running:
                    raise BrokerUnavailable("The channel layer fails in receive()") from None

    async def _send(self) -> None:
        await self._calls.call("group_send", self._group, {"type": PROBE_TYPE}, is_trial=True)

    async def _take(self, event: Any) -> None:
        self._arrived.set()
        await asyncio.sleep(0)  # a layer may give the next event without suspending
