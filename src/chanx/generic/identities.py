"""Who is connected to this process, by what may happen to them, and who is told of it.

What is touched here is touched in the connections' own event loop, unless it says otherwise.
"""

import asyncio
import time
from collections.abc import Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict

from chanx.engine.recent import Recent
from chanx.generic.recheck import Rechecker
from chanx.integrations.announce import EVERYBODY, RECHECK, get_user_subject
from chanx.integrations.control import Notice, notices, on_joined
from chanx.integrations.disconnect import DISCONNECT, DisconnectArguments
from chanx.log import get_logger

if TYPE_CHECKING:
    from chanx.generic.identity import Identity

__all__ = ["Identities", "get_identities"]

_LEAD: Final = 2.0
"""Seconds by which an event may come before what it tells of is true: a view logs out, which is
told, and then the session is deleted. Whoever connects in between is looked at as well."""

_SPREAD: Final = 5.0
_RATE: Final = 500.0
"""Everybody is re-checked within ``_SPREAD`` seconds, or so many in a second."""

_Kick = tuple[int, str]


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

    def add(self, identity: "Identity") -> None:
        """Take an identity in, under its subjects."""
        self._all.add(identity)
        for subject in identity.subjects:
            found = self._by_subject.get(subject)
            if isinstance(found, set):
                found.add(identity)
            else:
                self._by_subject[subject] = {found, identity} if found else identity

    def remove(self, identity: "Identity") -> None:
        """Forget an identity, if it is known."""
        self._all.discard(identity)
        for subject in identity.subjects:
            found = self._by_subject.get(subject)
            if isinstance(found, set):
                found.discard(identity)
            if not found or found is identity:
                self._by_subject.pop(subject, None)

    def find(self, subject: str) -> "list[Identity]":
        """Return the identities that have a subject."""
        found = self._by_subject.get(subject)
        if found is None:
            return []
        return list(found) if isinstance(found, set) else [found]

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

    def make_up_for(self, identity: "Identity", begun: float) -> None:
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
