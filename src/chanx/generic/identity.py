"""Whether those who got in may stay: the identity of each connection.

A connection has one only if there is something to look after, and it costs one timer. What is
touched here is touched in the connection's own event loop, unless it says otherwise.
"""

import asyncio
import math
import random
import time
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from chanx.generic.authenticator import AuthenticationResult, refuse_other_user
from chanx.generic.identities import get_identities
from chanx.integrations.announce import (
    get_session_subject,
    get_user_subject,
    is_session_subject,
)

if TYPE_CHECKING:
    from chanx.generic.driver import Driver

__all__ = ["Identity", "get_user_key", "needs_identity"]

_LONGEST: Final = 300.0
"""Seconds after which the wall clock is looked at again: timers do not notice when it is set."""

_RETRY: Final = (5.0, 10.0)
"""Seconds until an urgent check that failed is tried again, by chance between these."""

_EXPIRED: Final = "Token has expired"


def needs_identity(user: str | None, authenticator: Any) -> bool:
    """Tell whether there is something to look after: nobody's token and no database have nothing.

    ``user``: the key of an authenticated user, or None.
    """
    return bool(
        user is not None
        or getattr(authenticator, "needs_rechecks", False)
        or getattr(authenticator, "expires_at", None) is not None
    )


class Identity:
    """Who a connection is, as the authenticator has found out, and when to ask again."""

    __slots__ = (
        "_authenticator",
        "_consumer",
        "_context",
        "_driver",
        "_due",
        "_expires_at",
        "_has_session_ended",
        "_home",
        "_obj",
        "_timer",
        "_user",
        "generation",
        "is_stopped",
        "is_suspect",
        "subjects",
    )

    def __init__(self, driver: "Driver", consumer: Any, context: Context) -> None:
        self._driver = driver
        self._consumer = consumer
        self._context = context
        self._home = get_identities()
        self._authenticator: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        """When to ask again, on the clock of the loop."""
        self._expires_at: float | None = None
        """When the token expires: seconds since the epoch."""
        self._has_session_ended = False
        self._user: Any = None
        self._obj: Any = None
        self.subjects: tuple[str, ...] = ()
        self.generation = 0
        """How often it was kept: what was asked about an earlier one says nothing."""
        self.is_stopped = False
        self.is_suspect = False
        """Something has happened since the last answer: one is asked for until there is one."""

    def keep(self, authenticator: Any, begun: float) -> None:
        """Look after what the authenticator has found, in the place of what it found before.

        ``begun``: when it began to look, on the monotonic clock.
        """
        self._authenticator = authenticator
        self.generation += 1
        self._user, self._obj = self._consumer.user, self._consumer.obj
        self._expires_at = _get_expiry(authenticator)
        self._home.remove(self)
        self.subjects = _get_subjects(self._driver.user, authenticator, self._consumer.scope)
        self._home.add(self)
        self.plan()
        self._home.make_up_for(self, begun)

    def stop(self) -> None:
        """Look after it no more."""
        self.is_stopped = True
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._home.remove(self)
        self._home.rechecker.discard(self)
        self._authenticator = self._user = self._obj = None

    # --- time -----------------------------------------------------------------------------------

    def plan(self, *, retries: bool = False, within: float | None = None) -> None:
        """Set the time of the next check: by chance in the second half of the interval.

        ``retries``: soon, whatever the interval, because something has happened. ``within``: by
        chance within so many seconds, unless it is to be earlier anyhow.
        """
        now = self._home.loop.time()
        interval = self._driver.limits.recheck_interval
        if retries:
            self._due = now + random.uniform(*_RETRY)
        elif within is not None:
            due = now + random.uniform(0, within)
            self._due = due if self._due is None else min(due, self._due)
            self.is_suspect = True
        elif interval is not None and getattr(self._authenticator, "needs_rechecks", False):
            self._due = now + random.uniform(interval / 2, interval)
        else:
            self._due = None
        self._schedule()

    def _schedule(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        loop = self._home.loop
        delays = []
        if self._due is not None:
            delays.append(self._due - loop.time())
        if self._expires_at is not None:
            delays.append(min(self._expires_at - time.time(), _LONGEST))
        if delays:
            # In one empty context for all: a copy of the caller's would keep what is in it.
            self._timer = loop.call_later(
                max(min(delays), 0.0), self._look, context=self._home.context
            )

    def _look(self) -> None:
        self._timer = None
        if self._expires_at is not None and self._expires_at <= time.time():
            self.revoke(AuthenticationResult(False, 401, "Unauthorized", {"detail": _EXPIRED}))
            return
        if self._due is not None and self._due <= self._home.loop.time():
            self._due = None  # set anew when the answer has come
            self._home.rechecker.add(self, is_urgent=False)
        self._schedule()

    # --- asking ---------------------------------------------------------------------------------

    def suspect(self, subject: str) -> None:
        """Ask at once, because something has happened to one of the subjects."""
        if is_session_subject(subject):
            # For good: the same session does not come back, whatever else is asked later.
            self._has_session_ended = True
        self.is_suspect = True
        self._home.rechecker.add(self, is_urgent=True)

    def copy_context(self) -> Context:
        """Return a copy of the connection's own context."""
        return self._context.copy()

    async def ask(self) -> AuthenticationResult:
        """Ask the authenticator whether the connection may stay. Raises what is unexpected."""
        result: AuthenticationResult = await self._authenticator.recheck(
            self._consumer.scope, without_session=self._has_session_ended
        )
        if result.is_authenticated and get_user_key(result.user) != self._driver.user:
            return refuse_other_user()
        return result

    async def handle_error(self, error: BaseException) -> None:
        """See to it that what follows gets a database connection that works."""
        await self._driver.handle_database_error(error)

    def handle_passed(self, result: AuthenticationResult) -> None:
        """Let it stay, and give the consumer the user and the object as they are now.

        Unless it has put something of its own into their place.
        """
        self.is_suspect = False
        consumer = self._consumer
        if consumer.user is self._user:
            consumer.user = self._user = result.user
        if consumer.obj is self._obj:
            consumer.obj = self._obj = result.obj
        # Some tokens live longer for being used.
        self._expires_at = _get_expiry(self._authenticator)
        self.plan()

    def revoke(self, result: AuthenticationResult) -> None:
        """End the connection, and tell its client why."""
        self.stop()
        self._driver.revoke(result)

    def disconnect(self, code: int, reason: str) -> None:
        """End the connection as somebody wants it."""
        self.stop()
        self._driver.kick(code, reason)


def _get_expiry(authenticator: Any) -> float | None:
    expires_at = getattr(authenticator, "expires_at", None)
    if isinstance(expires_at, int | float) and math.isfinite(expires_at):
        return expires_at
    return None


def _get_subjects(user: str | None, authenticator: Any, scope: Any) -> tuple[str, ...]:
    subjects = [] if user is None else [get_user_subject(user)]
    cookies = getattr(getattr(authenticator, "request", None), "COOKIES", {})
    keys = {cookies.get(settings.SESSION_COOKIE_NAME)}
    # That of Channels' middleware, which may read another cookie.
    keys.add(getattr(scope.get("session"), "session_key", None))
    subjects += [get_session_subject(key) for key in keys if key and isinstance(key, str)]
    return tuple(subjects)


def get_user_key(user: Any) -> str | None:
    """Return what a user is known by to the driver; None for anonymous ones."""
    is_known = getattr(user, "is_authenticated", False) and getattr(user, "pk", None) is not None
    return str(user.pk) if is_known else None
