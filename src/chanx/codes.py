"""The close codes that chanx sends, in one place.

Codes below 4000 are those of RFC 6455, section 7.4.1, and of the IANA registry of close codes. The
4xxx codes are 4000 plus the HTTP status that a Django view would have answered with.
"""

from enum import IntEnum
from typing import Final

__all__ = ["OTHER_CODES", "CloseCode", "close_code_for_status"]

_APPLICATION_CODES = 4000


class CloseCode(IntEnum):
    """Close codes with the reason for which chanx sends each."""

    NORMAL = 1000
    NO_STATUS = 1005  # never sent: a disconnect in which the client named no code
    ABNORMAL = 1006  # never sent: the server cancelled the connection, no close frame was seen
    TOO_BIG = 1009  # a message of more than MAX_MESSAGE_SIZE bytes
    SERVICE_RESTART = 1012  # the process is being drained; connect again, to another one
    TRY_AGAIN_LATER = 1013  # the client reads, or the consumer handles, too slowly
    BAD_REQUEST = 4400  # MAX_INVALID_MESSAGES invalid messages in a row
    UNAUTHORIZED = 4401  # no or wrong credentials, or they hold no longer
    FORBIDDEN = 4403  # a permission said no, or somebody called disconnect_user()
    NOT_FOUND = 4404  # there is no such object, or no longer
    REQUEST_TIMEOUT = 4408  # no token, no frame or no answer to a heartbeat came in its time
    TOO_MANY_REQUESTS = 4429  # messages beyond MESSAGE_RATE, or too many connections
    INTERNAL_ERROR = 4500  # the consumer's own code failed while the connection was set up


OTHER_CODES: Final[dict[int, int]] = {
    CloseCode.TOO_BIG: 4413,
    CloseCode.SERVICE_RESTART: 4503,
    CloseCode.TRY_AGAIN_LATER: 4503,
}
"""What clients of a server get that sends no codes from 1001 to 2999 (daphne)."""


def close_code_for_status(status_code: int) -> int:
    """Return the close code for an HTTP status: 401 gives 4401."""
    return _APPLICATION_CODES + status_code
