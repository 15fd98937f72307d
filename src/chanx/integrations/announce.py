"""Telling all processes that somebody's rights may have changed.

What is announced while an earlier announcement is on its way goes out together, so that an import
of many users is a few events. The caller waits for nothing. While a layer is away, what could not
be sent is kept for a time, and sent when it is back.
"""

import asyncio
import itertools
import os
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any, Final

from django.utils.crypto import salted_hmac

from chanx.engine.recovery import get_delay
from chanx.exceptions import BrokerError, BrokerUnavailable
from chanx.integrations.background import background
from chanx.integrations.control import act_here, get_shared_aliases
from chanx.integrations.control_request import tell
from chanx.log import RepeatLimit, get_logger

__all__ = [
    "EVERYBODY",
    "RECHECK",
    "announce",
    "get_session_subject",
    "get_user_subject",
    "is_session_subject",
]

RECHECK: Final = "recheck"
"""The notice; its argument ``subjects`` is a list of what the functions below return."""

EVERYBODY: Final = "*"
"""The subject that stands for all connections."""

_SESSION: Final = "session:"
_BATCH: Final = 500
"""Subjects of one event, at up to 60 bytes."""
_KEPT: Final = 120.0
"""Seconds for which sending is tried again; processes then find out by their own re-checks."""
_ONCE_MORE: Final = 3.0
"""Seconds after an outage until what was kept is sent a second time: layers that publish and forget
come back by themselves, a second later than those who publish, and tell nobody."""
_MAX_WAITING: Final = 10_000
"""Subjects that wait to be sent. Beyond it everybody is re-checked, which is slow and right."""


def get_user_subject(pk: Any) -> str:
    """Return the subject of all connections of a user."""
    return f"user:{pk}"


def get_session_subject(key: str) -> str:
    """Return the subject of all connections with a session; the key, a secret, is not in it."""
    return f"{_SESSION}{salted_hmac('chanx.session', key, algorithm='sha256').hexdigest()[:32]}"


def is_session_subject(subject: str) -> bool:
    """Tell whether the subject is a session, which has ended when it is announced."""
    return subject.startswith(_SESSION)


class _Outgoing:
    """What waits to be sent to the other processes."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: in a child process nothing is on its way."""
        self._lock = threading.Lock()
        self._waiting: dict[str, None] = {}
        self._is_sending = False
        self._failing_since: float | None = None
        self._tries = 0
        self._once_more: set[str] = set()
        """Subjects that could not be sent at first."""
        self._log_limit = RepeatLimit()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, subjects: Iterable[str]) -> None:
        """Have the subjects sent soon. For any thread."""
        with self._lock:
            self._keep(subjects)
            if self._is_sending:
                return
            self._is_sending = True
        self._start()

    def _keep(self, subjects: Iterable[str]) -> None:
        self._waiting.update(dict.fromkeys(subjects))
        if len(self._waiting) > _MAX_WAITING:
            self._waiting = {EVERYBODY: None}

    def _start(self) -> None:
        try:
            background.start(self._send()).add_done_callback(self._note_end)
        except BaseException:
            self._is_sending = False
            raise

    def _note_end(self, future: "Future[None]") -> None:
        # The thread was stopped; or something is wrong here, which must not end all that follow.
        if future.cancelled() or future.exception():
            self._is_sending = False

    async def _send(self) -> None:
        while batch := self._get_batch():
            try:
                await tell(RECHECK, {"subjects": batch})
            except BrokerUnavailable as error:
                self._log_failure(error, len(batch))
                self._try_later(batch)
                return
            except Exception as error:
                self._log_failure(error, len(batch))  # which trying again would not help
            self._end_outage()

    def _end_outage(self) -> None:
        self._failing_since, self._tries = None, 0
        if self._once_more:
            subjects, self._once_more = self._once_more, set()
            asyncio.get_running_loop().call_later(_ONCE_MORE, self.put, subjects)

    def _get_batch(self) -> list[str]:
        with self._lock:
            batch = list(itertools.islice(self._waiting, _BATCH))
            for subject in batch:
                del self._waiting[subject]
            self._is_sending = bool(batch)
        return batch

    def _try_later(self, batch: list[str]) -> None:
        """Keep what was not sent, and end this try: nobody is to wait for the next one.

        At the end of the process, which waits for what runs, there is none.
        """
        loop = asyncio.get_running_loop()
        if self._failing_since is None:
            self._failing_since = loop.time()
        with self._lock:
            self._is_sending = False
            if loop.time() - self._failing_since > _KEPT:
                self._waiting.clear()
                self._once_more.clear()
                self._failing_since, self._tries = None, 0
                return
            self._keep(batch)
            self._once_more = set(self._waiting)
        self._tries += 1
        loop.call_later(get_delay(self._tries), self.put, ())

    def _log_failure(self, error: Exception, count: int) -> None:
        left_out = self._log_limit.admit(type(error).__name__)
        if left_out is not None:
            cause = error.__cause__ if isinstance(error, BrokerError) else None
            get_logger().warning(
                "Could not tell other processes to re-check connections",
                error=repr(cause or error),
                count=count,
                left_out=left_out,
            )


_outgoing: Final = _Outgoing()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_outgoing.reset)


def announce(subjects: Iterable[str]) -> None:
    """Have the connections of these subjects re-checked at once, here and in all processes.

    Never raises for a channel layer. For any thread.
    """
    subjects = list(subjects)
    act_here(RECHECK, {"subjects": subjects})
    try:
        is_shared = bool(get_shared_aliases())
    except Exception as error:  # a mistake in CHANNEL_LAYERS, or a package that is not there
        get_logger().warning(
            "Could not tell other processes to re-check connections", error=repr(error)
        )
        return
    if is_shared:
        _outgoing.put(subjects)
