"""Asking anew whether connections may stay: a few at a time, and those first of whom was told."""

import asyncio
from collections import OrderedDict
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from django.db import Error as DatabaseError

from chanx.engine.stats import counters
from chanx.engine.tasks import raise_own_cancellation
from chanx.generic.authenticator import AuthenticationResult, make_server_error
from chanx.log import RepeatLimit, get_logger, log_exception

if TYPE_CHECKING:
    from chanx.generic.identity import Identity

__all__ = ["Rechecker"]

_AT_ONCE: Final = 4
"""Re-checks that run at the same time: as many as there are database lanes by default. Each waits
in its own connection's turn on a lane, so messages of others are held up by one of them at most."""

_DEADLINE: Final = 20.0
"""Seconds for one, for authentication classes without a deadline of their own."""

_WARN_EVERY: Final = 10.0
"""Seconds between two lines about failures, or about their end."""

_PASSING: Final = (DatabaseError, OSError)
"""What may be better at the next check. TimeoutError is an OSError; PermissionError is one as well,
and whoever raises it means no."""


class Rechecker:
    """The queue of an event loop."""

    def __init__(self) -> None:
        self._urgent: OrderedDict[Identity, None] = OrderedDict()
        self._due: OrderedDict[Identity, None] = OrderedDict()
        self._running: dict[Identity, asyncio.Task[None]] = {}
        self._again: dict[Identity, bool] = {}
        """Those to be asked once more after the present time, and whether that is urgent."""
        self._failed = 0
        """Failures of which no line has told."""
        self._warn_at = float("-inf")
        self._log_limit = RepeatLimit()
        """Of tracebacks: what is wrong for one connection is wrong for the next."""

    def __len__(self) -> int:
        return len(self._urgent) + len(self._due) + len(self._running)

    def add(self, identity: "Identity", *, is_urgent: bool) -> None:
        """Have an identity re-checked soon: before those that are merely due, if it is urgent."""
        if identity in self._running:
            # What runs may have looked before whatever happened.
            self._again[identity] = is_urgent or self._again.get(identity, False)
        elif is_urgent:
            self._due.pop(identity, None)
            self._urgent[identity] = None
        elif identity not in self._urgent:
            self._due[identity] = None
        self._start()

    def ask_again(self, identity: "Identity") -> bool:
        """Have an identity that is being re-checked re-checked once more; tell whether it is."""
        if identity in self._running:
            self.add(identity, is_urgent=False)
            return True
        return False

    def discard(self, identity: "Identity") -> None:
        """Forget an identity whose connection has ended. A check that runs decides nothing."""
        self._urgent.pop(identity, None)
        self._due.pop(identity, None)
        self._again.pop(identity, None)

    def _start(self) -> None:
        while len(self._running) < _AT_ONCE and (self._urgent or self._due):
            identity, _ = (self._urgent or self._due).popitem(last=False)
            # The connection's own context, in which its lane and its log fields are.
            context = identity.copy_context()
            self._running[identity] = asyncio.get_running_loop().create_task(
                self._run(identity), name="chanx re-check", context=context
            )

    async def _run(self, identity: "Identity") -> None:
        generation = identity.generation
        try:
            # The connection may have ended in the turn in which this task was made.
            result = None if identity.is_stopped else await self._ask(identity)
        finally:
            del self._running[identity]
            again = self._again.pop(identity, None)
        # Not when cancelled: the event loop ends.
        self._start()
        if identity.is_stopped:
            return
        if identity.generation != generation:
            again = bool(again)  # of the token that it had before
        elif result is None:
            counters.rechecks["failed"] += 1
            identity.plan(retries=identity.is_suspect)
        elif result.is_authenticated:
            counters.rechecks["passed"] += 1
            identity.handle_passed(result)
        else:
            counters.rechecks["refused"] += 1
            identity.revoke(result)
        if again is not None and not identity.is_stopped:
            identity.is_suspect = True
            self.add(identity, is_urgent=again)

    async def _ask(self, identity: "Identity") -> AuthenticationResult | None:
        """Return the answer; None: there is none at present, and the connection stays."""
        try:
            async with asyncio.timeout(_DEADLINE):
                result = await identity.ask()
        except (Exception, asyncio.CancelledError) as error:
            raise_own_cancellation(error)
            await identity.handle_error(error)
            if isinstance(error, _PASSING) and not isinstance(error, PermissionError):
                self._warn(type(error).__name__)
                return None
            # Whoever is not known to be allowed is not.
            left_out = self._log_limit.admit(type(error).__qualname__)
            if left_out is not None:
                log = get_logger()
                log_exception(
                    log, "Re-check failed with unexpected error", error, left_out=left_out
                )
            return make_server_error()
        if result.status_code >= 500 and not result.is_authenticated:
            self._warn(f"status {result.status_code}")
            return None
        if self._failed:
            self._tell("Could not re-check connections, and can again")
        return result

    def _warn(self, reason: str) -> None:
        self._failed += 1
        self._tell("Could not re-check connections", reason=reason)

    def _tell(self, line: str, **fields: Any) -> None:
        """Tell, unless it was done a moment ago: where some fail and some pass, each would be."""
        now = asyncio.get_running_loop().time()
        if now < self._warn_at:
            return
        self._warn_at = now + _WARN_EVERY
        count, self._failed = self._failed, 0
        # About many connections, hence without the fields of this one.
        Context().run(get_logger().warning, line, count=count, **fields)
