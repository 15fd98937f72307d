"""Whether those who got in may stay: the identity of each connection, and who is told of events.

A connection has one only if there is something to look after, and it costs one timer. What is
touched here is touched in the connection's own event loop, unless it says otherwise.
"""

import asyncio
import math
import random
import time
from collections.abc import Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from django.conf import settings
from pydantic import BaseModel, ConfigDict

from chanx.engine.recent import Recent
from chanx.generic.authenticator import AuthenticationResult
from chanx.generic.recheck import Rechecker
from chanx.integrations.announce import (
    EVERYBODY,
    RECHECK,
    get_session_subject,
    get_user_subject,
    is_session_subject,
)
from chanx.integrations.control import Notice, notices, on_joined
from chanx.integrations.disconnect import DISCONNECT, DisconnectArguments
from chanx.log import get_logger

if TYPE_CHECKING:
    from chanx.generic.driver import Driver

__all__ = ["Identities", "Identity", "get_identities", "needs_identity"]

_LONGEST: Final = 300.0
"""Seconds after which the wall clock is looked at again: timers do not notice when it is set."""

_LEAD: Final = 2.0
"""Seconds by which an event may come before what it tells of is true: a view logs out, which is
told, and then the session is deleted. Whoever connects in between is looked at as well."""

_RETRY: Final = (5.0, 10.0)
"""Seconds until an urgent check that failed is tried again, by chance between these."""

_SPREAD: Final = 5.0
_RATE: Final = 500.0
"""Everybody is re-checked within ``_SPREAD`` seconds, or so many in a second."""

_EXPIRED: Final = "Token has expired"
_OTHER_USER: Final = "Incorrect authentication credentials."

_Kick = tuple[int, str]


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
        if result.is_authenticated and _get_key(result.user) != self._driver.user:
            return AuthenticationResult(False, 401, "Unauthorized", {"detail": _OTHER_USER})
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


class Identities:
    """The identities of one event loop, by subject."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.rechecker = Rechecker()
        self.context = Context()
        """In which the timers run."""
        # One, or several: most subjects have one, which needs no set.
        self._by_subject: dict[str, Identity | set[Identity]] = {}
        self._all: set[Identity] = set()
        self._asked_all_at = float("-inf")
        """On the monotonic clock."""

    def __len__(self) -> int:
        return len(self._all)

    def knows(self, subject: str) -> bool:
        """Tell whether anybody here has the subject. For any thread."""
        return subject in self._by_subject or (subject == EVERYBODY and bool(self._all))

    def add(self, identity: Identity) -> None:
        """Take an identity in, under its subjects."""
        self._all.add(identity)
        for subject in identity.subjects:
            found = self._by_subject.get(subject)
            if isinstance(found, set):
                found.add(identity)
            else:
                self._by_subject[subject] = {found, identity} if found else identity

    def remove(self, identity: Identity) -> None:
        """Forget an identity, if it is known."""
        self._all.discard(identity)
        for subject in identity.subjects:
            found = self._by_subject.get(subject)
            if isinstance(found, set):
                found.discard(identity)
            if not found or found is identity:
                self._by_subject.pop(subject, None)

    def find(self, subject: str) -> list[Identity]:
        """Return the identities that have a subject."""
        found = self._by_subject.get(subject, ())
        return [found] if isinstance(found, Identity) else list(found)

    def recheck(self, subjects: Iterable[str]) -> None:
        """Re-check the identities of these subjects at once, and everybody soon."""
        for subject in subjects:
            if subject == EVERYBODY:
                self.recheck_all()
            for identity in self.find(subject):
                identity.suspect(subject)

    def recheck_all(self) -> None:
        """Re-check everybody soon, and not all at the same moment."""
        self._asked_all_at = time.monotonic()
        within = max(_SPREAD, len(self._all) / _RATE)
        for identity in list(self._all):
            if not self.rechecker.ask_again(identity):
                identity.plan(within=within)

    def disconnect(self, users: Iterable[str], code: int, reason: str) -> None:
        """Close the connections of these users."""
        for user in users:
            for identity in self.find(get_user_subject(user)):
                identity.disconnect(code, reason)

    def make_up_for(self, identity: Identity, begun: float) -> None:
        """Act on what has happened since a client began to be looked at, before it was known here.

        ``begun``: on the monotonic clock.
        """
        for subject in identity.subjects:
            if kick := _recent_kicks.find(subject, begun):
                identity.disconnect(*kick)
                return
        if self._asked_all_at >= begun:
            identity.plan(within=_SPREAD)
        since = begun - _LEAD
        for subject in (*identity.subjects, EVERYBODY):
            if _recent_events.find(subject, since):
                identity.suspect(subject)
        if not _recent_events.is_complete(since):
            identity.suspect(EVERYBODY)


_homes: "WeakKeyDictionary[asyncio.AbstractEventLoop, Identities]" = WeakKeyDictionary()
_recent_events: Final[Recent[bool]] = Recent()
_recent_kicks: Final[Recent[_Kick]] = Recent()


def get_identities() -> Identities:
    """Return the identities of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _homes.get(loop)
    if found is None:
        # Theirs know their loop, which would keep it alive from here.
        for each in [each for each in list(_homes) if each.is_closed()]:
            del _homes[each]
        found = _homes[loop] = Identities()
    return found


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


def _get_key(user: Any) -> str | None:
    """Return what a user is known by to the driver; None for anonymous ones."""
    is_known = getattr(user, "is_authenticated", False) and getattr(user, "pk", None) is not None
    return str(user.pk) if is_known else None


# --- what processes tell each other ---------------------------------------------------------------


class RecheckArguments(BaseModel):
    """Whose connections are to be re-checked."""

    model_config = ConfigDict(extra="forbid")

    subjects: list[str]


def _act_on_recheck(arguments: RecheckArguments) -> None:
    subjects = arguments.subjects
    # First: a handshake that ends now finds it here, or is found by it.
    _recent_events.note(subjects, True)
    for home in _get_homes():
        if any(home.knows(subject) for subject in subjects):
            _call(home, home.recheck, subjects)


def _act_on_disconnect(arguments: DisconnectArguments) -> None:
    kick = (arguments.code, arguments.reason)
    subjects = [get_user_subject(user) for user in arguments.users]
    _recent_kicks.note(subjects, kick)
    for home in _get_homes():
        if any(home.knows(subject) for subject in subjects):
            _call(home, home.disconnect, arguments.users, *kick)


def _get_homes() -> list[Identities]:
    while True:
        try:
            return list(_homes.values())
        except RuntimeError:  # a loop came or went in another thread
            continue


def _call(home: Identities, function: Any, *args: Any) -> None:
    """Call a function in the loop of these identities: now, if this is it."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    if loop is home.loop:
        function(*args)
        return
    try:
        home.loop.call_soon_threadsafe(function, *args, context=Context())
    except RuntimeError:
        get_logger().debug("Event loop is closed")  # and its connections with it


def _handle_joined() -> None:
    get_identities().recheck_all()


notices[RECHECK] = Notice(_act_on_recheck, RecheckArguments)
notices[DISCONNECT] = Notice(_act_on_disconnect, DisconnectArguments)
on_joined.append(_handle_joined)
