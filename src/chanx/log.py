"""The logger of chanx. Sites configure structlog as they like; nothing is configured here."""

import traceback
from collections.abc import Iterator
from typing import Any

import structlog
from pydantic import ValidationError

__all__ = ["get_logger", "log_exception"]


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
    """Yield an exception, and those that it was raised from or while handling, once each."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _describe(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    text = str(error)
    if isinstance(error, ValidationError):
        details = error.errors(include_url=False, include_context=False, include_input=False)
        text = f"{error.title}: " + "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in details[:20]
        )
    return f"Traceback (most recent call last):\n{frames}{type(error).__qualname__}: {text}"
