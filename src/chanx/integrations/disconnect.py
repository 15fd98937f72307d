"""The notice by which processes are told to close the connections of users."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

from chanx.codes import CloseCode

__all__ = ["DISCONNECT", "DisconnectArguments", "check_code", "check_reason"]

DISCONNECT: Final = "disconnect"

_MAX_REASON: Final = 123
"""UTF-8 bytes. A control frame carries 125, two of which are the code (RFC 6455, section 5.5)."""


def check_code(code: Any) -> int:
    """Return a close code that an application may send. Raises ValueError."""
    is_code = isinstance(code, int) and not isinstance(code, bool)
    if not is_code or not (code == CloseCode.NORMAL or 3000 <= code <= 4999):
        raise ValueError(
            f"code={code!r} is not a close code that an application may send: use 1000 or one from "
            "3000 to 4999"
        )
    return int(code)


def check_reason(reason: Any) -> str:
    """Return a reason that a close frame has room for. Raises ValueError."""
    try:
        size = len(reason.encode()) if isinstance(reason, str) else None
    except UnicodeEncodeError:
        size = None
    if size is None:
        raise ValueError("reason must be a string that has a form in UTF-8")
    if size > _MAX_REASON:
        raise ValueError(
            f"reason has {size} bytes in UTF-8, and a close frame has room for {_MAX_REASON}: "
            "shorten it"
        )
    return str(reason)


class DisconnectArguments(BaseModel):
    """Whose connections are to be closed, and what their clients are told."""

    model_config = ConfigDict(extra="forbid")

    users: list[str]
    code: Annotated[int, AfterValidator(check_code)] = int(CloseCode.FORBIDDEN)
    reason: Annotated[str, AfterValidator(check_reason)] = ""
