"""Joining groups again now and then, as a layer may forget a membership, or let it expire."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from chanx.engine.stats import counters
from chanx.engine.tasks import spawn_detached
from chanx.exceptions import BrokerError, BrokerUnavailable
from chanx.integrations.layer_calls import LayerCalls
from chanx.integrations.subscription import Subscription
from chanx.log import get_logger

__all__ = ["REFRESH_INTERVAL", "Refresher"]

REFRESH_INTERVAL: Final = 60.0
"""Seconds within which each membership is renewed: the longest that one which the layer has lost
(evicted or deleted by others) is missing. Nothing else tells that a single one is gone."""

_TURNS: Final = 12
"""Parts into which the memberships are divided, one after the other, lest many be a burst."""


class Refresher:
    """Renews the memberships of a process, some at a time, one call of the layer after the other.

    Does nothing for a layer without ``group_expiry``, which keeps memberships in this process.
    ``discard`` ends a membership that was left while it was being renewed.
    """

    def __init__(
        self,
        calls: LayerCalls,
        subscriptions: dict[str, Subscription],
        discard: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._calls = calls
        self._subscriptions = subscriptions
        self._discard = discard
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = 0
        self._round: list[Subscription] = []
        expiry = getattr(calls.layer, "group_expiry", None)
        # Three more rounds come before a membership expires that could not be renewed.
        self._interval = min(REFRESH_INTERVAL, expiry / 4) if expiry else None

    def schedule(self) -> None:
        """Go on as long as there are groups."""
        if self._timer is None and self._interval and self._subscriptions:
            # By chance: the processes of a site may have begun at the same moment.
            delay = self._interval / _TURNS * random.uniform(0.8, 1.0)
            self._timer = asyncio.get_running_loop().call_later(delay, self._start_refresh)

    async def refresh_all(self) -> None:
        """Renew all memberships now."""
        if self._interval:
            await self._refresh(list(self._subscriptions.values()))

    def _start_refresh(self) -> None:
        self._timer = None
        # A slow layer gets no second call beside the first.
        is_idle = self._task is None or self._task.done()
        if self._subscriptions and is_idle and (part := self._take_part()):
            self._task = spawn_detached(self._refresh(part), "chanx membership refresh")
        self.schedule()

    def _take_part(self) -> list[Subscription]:
        if self._turn == 0:
            self._round = list(self._subscriptions.values())
        count, turn = len(self._round), self._turn
        self._turn = (turn + 1) % _TURNS
        return self._round[turn * count // _TURNS : (turn + 1) * count // _TURNS]

    async def _refresh(self, part: Iterable[Subscription]) -> None:
        for subscription in part:
            group, reader = subscription.group, subscription.reader
            if self._subscriptions.get(group) is not subscription or not reader:
                continue  # left meanwhile, or not joined yet
            try:
                await self._calls.call("group_add", group, reader.channel)
                if self._subscriptions.get(group) is not subscription:
                    await self._discard(group, reader.channel)
            except BrokerUnavailable:
                counters.broker["refresh_failures"] += 1
                return  # all are joined again when the layer is back
            except BrokerError as error:
                counters.broker["refresh_failures"] += 1
                get_logger().warning("Membership not refreshed", group=group, error=str(error))
