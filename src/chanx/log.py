"""The logger of chanx. Sites configure structlog as they like; nothing is configured here."""

import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Final

import structlog
from pydantic import ValidationError

__all__ = ["RepeatLimit", "get_logger", "log_exception"]


def get_logger() -> Any:
    """Return the logger "chanx", bound to the configuration that is in force now.

    Binding once saves structlog's lookup of the configuration on each line.
    """
    return structlog.get_logger("chanx").bind()


def log_exception(log: Any, event: str, error: BaseException, **fields: Any) -> None:
    """Log an error with its traceback, and without the input that a ValidationError quotes.

    What was validated may be what a client sent, and that is never logged.
    """
    chain = list(_get_chain(error))
    if any(isinstance(each, ValidationError) for each in chain):
        text = "\n".join(_describe(each) for each in reversed(chain))
        log.error(event, exception=text, **fields)
    else:
        log.error(event, exc_info=error, **fields)


def _get_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception, those in it, and those that each was raised from or while handling."""
    seen: set[int] = set()
    left = [error]
    while left:
        error = left.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        left.append(error.__cause__ or error.__context__)
        if isinstance(error, BaseExceptionGroup):
            left += error.exceptions


def _describe(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    text = str(error)
    if isinstance(error, ValidationError):
        details = error.errors(include_url=False, include_context=False, include_input=False)
        text = f"{error.title}: " + "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in details[:20]
        )
    return f"Traceback (most recent call last):\n{frames}{type(error).__qualname__}: {text}"


_INTERVAL: Final = 1.0
_LINES_PER_INTERVAL: Final = 10


class RepeatLimit:
    """Keeps one that repeats itself from filling the log: a line a second for each reason.

    And ten a second for all reasons together, as they may be made up by somebody.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = float("-inf")
        self._lines: set[str] = set()
        self._left_out = 0

    def admit(self, reason: str) -> int | None:
        """Return None for a line to leave out, or else how many were left out since the last."""
        now = self._clock()
        if now - self._begun >= _INTERVAL:
            self._begun = now
            self._lines.clear()
        if reason in self._lines or len(self._lines) >= _LINES_PER_INTERVAL:
            self._left_out += 1
            return None
        self._lines.add(reason)
        left_out, self._left_out = self._left_out, 0
        return left_out
