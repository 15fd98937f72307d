"""Telling all processes of the site to do something, and gathering their answers."""

import asyncio
import contextlib
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from channels.layers import InMemoryChannelLayer, get_channel_layer

from chanx.exceptions import BrokerError, NoChannelLayer
from chanx.integrations.background import background
from chanx.integrations.channel_layer import ChannelLayerBroker, get_hub
from chanx.integrations.control import (
    EVENT_TYPE,
    GROUP,
    commands,
    get_origin,
    get_shared_aliases,
)
from chanx.integrations.own_channel import OwnChannel

__all__ = ["NotShared", "Reply", "request", "tell"]


_REPEAT_AFTER: Final = 0.3
"""Seconds until a notice is given once more. Layers lose events: channels_redis's core layer the
one that Redis has handed out when a receive is cancelled, as for each group that a process leaves.
Late enough not to be lost by the same leaving, and early enough to be in time."""

_MAX_REPEATED: Final = 10_000
"""Notices that wait for that; beyond it the oldest are left out."""


class NotShared(NoChannelLayer):
    """The channel layer is in memory and reaches no other process."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one process (more exactly, one event loop) answered."""

    process: str
    pid: int
    result: Any = None
    error: str | None = None
    is_done: bool = True
    """False: it has begun, and had not finished when the wait was over."""


async def request(
    command: str,
    arguments: dict[str, Any] | None = None,
    *,
    alias: str = "default",
    wait: float = 1.0,
    timeout: float = 60.0,
    count: int | None = None,
) -> list[Reply]:
    """Tell all processes, and return what they answered, in the order in which they first did.

    How many there are, nobody knows: all that report within ``wait`` seconds, or the first
    ``count``. Those that have begun something longer by then are waited for, until ``timeout``
    seconds are over. A layer that does not answer has its own deadline.

    Raises ValueError for a command that does not exist, NoChannelLayer when there is no layer of
    this alias, NotShared when it is one in memory, and BrokerError when it fails.
    """
    if command not in commands:
        raise ValueError(f"There is no command {command!r}: use one of {', '.join(commands)}")
    broker = _get_shared_broker(alias)
    answers = _Answers(secrets.token_hex(8))
    own_channel = OwnChannel(broker, answers.add)
    event = {
        "type": EVENT_TYPE,
        "command": command,
        "arguments": arguments or {},
        "reply_to": own_channel.name,
        "id": answers.request_id,
    }
    try:
        await own_channel.wait_until_ready()
        await broker.publish(GROUP, event)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        await answers.wait_until(lambda: answers.are_enough(count), begin + wait)
        await answers.wait_until(answers.are_done, begin + timeout)
    except BrokerError:
        raise
    except Exception as error:
        raise BrokerError(f"The channel layer failed: {error}") from error
    finally:
        await own_channel.close()
    return list(answers.replies.values())


async def tell(notice: str, arguments: dict[str, Any]) -> None:
    """Give a notice to all other processes, over all layers that they share; nobody answers.

    It is given twice, lest a layer loses it, and taken once. The second time is not waited for.
    This process is not told: see ``control.act_here``. Raises BrokerError when a layer failed; the
    others have been told then.
    """
    event = {
        "type": EVENT_TYPE,
        "command": notice,
        "arguments": arguments,
        "origin": get_origin(),
        "id": secrets.token_hex(8),
    }
    aliases = get_shared_aliases()
    outcomes = await asyncio.gather(
        *(_publish(alias, event) for alias in aliases), return_exceptions=True
    )
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if told := [alias for alias, outcome in zip(aliases, outcomes, strict=True) if not outcome]:
        _repetitions.put(told, event)
    if errors:
        raise errors[0]


class _Repetitions:
    """Notices that are to be given once more, one after the other: many at once would each take a
    connection to the layer."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: in a child process nothing is on its way."""
        self._lock = threading.Lock()
        self._waiting: deque[tuple[float, list[str], dict[str, Any]]] = deque(maxlen=_MAX_REPEATED)
        self._is_running = False

    def put(self, aliases: list[str], event: dict[str, Any]) -> None:
        """Have a notice given to these layers once more. For any thread."""
        with self._lock:
            self._waiting.append((time.monotonic() + _REPEAT_AFTER, aliases, event))
            if self._is_running:
                return
            self._is_running = True
        # In a loop that lives on: the caller's may be async_to_sync's, which ends with its call.
        try:
            background.start(self._run()).add_done_callback(self._note_end)
        except BaseException:
            self._is_running = False
            raise

    def _note_end(self, future: "Future[None]") -> None:
        if future.cancelled():  # the thread was stopped
            self._is_running = False

    async def _run(self) -> None:
        while found := self._get_next():
            due, aliases, event = found
            await asyncio.sleep(due - time.monotonic())
            for alias in aliases:
                # Whoever is deaf by now re-checks all that it has when it hears again.
                with contextlib.suppress(Exception):
                    await _publish(alias, event)

    def _get_next(self) -> tuple[float, list[str], dict[str, Any]] | None:
        with self._lock:
            self._is_running = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None


_repetitions: Final = _Repetitions()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_repetitions.reset)


async def _publish(alias: str, event: dict[str, Any]) -> None:
    await _get_shared_broker(alias).publish(GROUP, event)


def _get_shared_broker(alias: str) -> ChannelLayerBroker:
    layer = get_channel_layer(alias)
    if layer is None:
        raise NoChannelLayer(
            f"CHANNEL_LAYERS has no {alias!r}, and processes are told over the channel layer: "
            "configure one that they share, such as channels_redis"
        )
    if isinstance(layer, InMemoryChannelLayer):
        raise NotShared(
            f"CHANNEL_LAYERS[{alias!r}] is in memory and reaches no other process: configure one "
            "that they share, such as channels_redis, or call chanx.stats() and chanx.drain() in "
            "the server's own process"
        )
    found = get_hub(alias)
    assert found  # the layer is there
    return found[1]


class _Answers:
    """The replies to one request."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.replies: dict[str, Reply] = {}
        self._changed = asyncio.Event()

    async def add(self, event: dict[str, Any]) -> None:
        """Take an event of the reply channel; what is no reply to this request is ignored."""
        process, pid, error = event.get("process"), event.get("pid"), event.get("error")
        if event.get("id") != self.request_id or not isinstance(process, str):
            return
        self.replies[process] = Reply(
            process,
            pid if isinstance(pid, int) else 0,
            event.get("result"),
            None if error is None else str(error),
            bool(event.get("is_done", True)),
        )
        self._changed.set()

    def count_done(self) -> int:
        """Return how many have finished."""
        return sum(reply.is_done for reply in self.replies.values())

    def are_enough(self, count: int | None) -> bool:
        """Tell whether so many have finished; never, when nobody knows how many there are."""
        return count is not None and self.count_done() >= count

    def are_done(self) -> bool:
        """Tell whether all that have begun have finished."""
        return self.count_done() == len(self.replies)

    async def wait_until(self, condition: Callable[[], bool], end: float) -> None:
        """Wait until the condition is true, but not beyond this time of the loop's clock."""
        try:
            async with asyncio.timeout_at(end):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return
