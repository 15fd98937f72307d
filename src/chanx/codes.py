"""The close codes that chanx sends, in one place.

Codes below 4000 are those of RFC 6455, section 7.4.1, and of the IANA registry of close codes. The
4xxx codes are 4000 plus the HTTP status that a Django view would have answered with.
"""

from enum import IntEnum

__all__ = ["CloseCode", "close_code_for_status"]

_APPLICATION_CODES = 4000


class CloseCode(IntEnum):
    """Close codes with the reason for which chanx sends each."""

    NORMAL = 1000
    NO_STATUS = 1005  # never sent: a disconnect in which the client named no code
    ABNORMAL = 1006  # never sent: the server cancelled the connection, no close frame was seen
    TRY_AGAIN_LATER = 1013  # the client reads, or the consumer handles, too slowly
    INTERNAL_ERROR = 4500  # the consumer's own code failed while the connection was set up


def close_code_for_status(status_code: int) -> int:
    """Return the close code for an HTTP status: 401 gives 4401."""
    return _APPLICATION_CODES + status_code
