"""Names of channels for connections that want one, without waiting."""

import asyncio
import contextlib
import uuid
from typing import Any, Final

from chanx.engine.tasks import spawn_detached
from chanx.exceptions import BrokerError, BrokerUnavailable
from chanx.integrations.layer_calls import LayerCalls
from chanx.log import get_logger

__all__ = ["ChannelNames"]

_KEPT_NAMES: Final = 8
"""Channel names in store, for layers that have to subscribe to each."""


class ChannelNames:
    """Makes names that the layer routes to this process.

    Most layers make one without asking anybody. For one that must subscribe to it first (Redis
    pub/sub) some are kept in store.
    """

    def __init__(self, calls: LayerCalls) -> None:
        self._calls = calls
        self._loop = asyncio.get_running_loop()
        self._names: list[str] = []
        self._filling: asyncio.Task[None] | None = None
        # Found out before the first connection can need one. A layer that passes its methods on
        # (Redis pub/sub) subscribes: that is not to be begun only to see whether it waits, for
        # asyncio does not survive a connect() that is given up so.
        self._keeps_names = not hasattr(type(calls.layer), "new_channel")
        if not self._keeps_names:
            with contextlib.suppress(Exception):  # a layer that is down says so when it is used
                self._keeps_names = _get_result_at_once(calls.layer.new_channel()) is None
        if self._keeps_names:
            self._start_filling()

    def make(self) -> tuple[str, bool]:
        """Return a new name, and whether nothing that is sent to it is lost.

        Only a burst that empties the store gets names that are not safe, to which ``receive``
        subscribes.
        """
        if not self._keeps_names:
            name = None
            with contextlib.suppress(Exception):
                name = _get_result_at_once(self._calls.layer.new_channel())
                self._keeps_names = name is None
        else:
            name = self._names.pop() if self._names else None
        if self._keeps_names:
            # From the loop: a name may be read in a thread.
            self._loop.call_soon_threadsafe(self._start_filling)
        return name or f"specific.{uuid.uuid4().hex}", name is not None

    def _start_filling(self) -> None:
        if self._filling is None or self._filling.done():
            self._filling = spawn_detached(self._fill(), "chanx channel names")

    async def _fill(self) -> None:
        try:
            while len(self._names) < _KEPT_NAMES and not self._calls.is_refusing:
                self._names.append(await self._calls.call("new_channel"))
        except BrokerUnavailable:
            return  # told of elsewhere; asked again when a name is read next
        except BrokerError as error:
            get_logger().warning("No channel names to keep in store", error=str(error))


def _get_result_at_once(call: Any) -> str | None:
    """Run a coroutine to its end if it never suspends; None when it would have to wait."""
    try:
        call.send(None)
    except StopIteration as stop:
        return str(stop.value)
    call.close()
    return None
