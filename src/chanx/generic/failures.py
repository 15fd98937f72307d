"""What authentication does not expect: logged with its traceback, and not a thousand times over."""

from typing import Any, Final

from chanx.log import RepeatLimit, log_exception

__all__ = ["AuthenticationTooLate", "failure_limit", "log_failure"]

failure_limit: Final = RepeatLimit()
"""With a database that is down each handshake fails, and clients try again and again."""


class AuthenticationTooLate(TimeoutError):
    """Authentication was not done at its deadline. Whether it fails is not known."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Authentication was not done in {seconds:g} seconds")
        self.seconds = seconds


def log_failure(log: Any, error: BaseException) -> None:
    """Log an error of a handshake; of those of one type a second, one."""
    left_out = failure_limit.admit(type(error).__qualname__)
    if left_out is None:
        return
    if isinstance(error, AuthenticationTooLate):
        log.error("Authentication took too long", seconds=error.seconds, left_out=left_out)
    else:
        log_exception(log, "Authentication failed with unexpected error", error, left_out=left_out)
