"""The close codes that chanx sends, in one place.

Codes below 4000 are those of RFC 6455, section 7.4.1, and of the IANA registry of close codes. The
4xxx codes are 4000 plus the HTTP status that a Django view would have answered with.
"""

from enum import IntEnum
from typing import Final

__all__ = ["MEANINGS", "OTHER_CODES", "CloseCode", "close_code_for_status"]

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

MEANINGS: Final[dict[int, str]] = {
    1000: "Closed as planned, by the client or by the consumer; reconnect if you still need it.",
    1001: "The server is going away, or the page was left; reconnect after a short random wait.",
    1002: "One side broke the WebSocket protocol; do not reconnect before that is found.",
    1003: "The server does not take this kind of frame; correct the client before you reconnect.",
    1005: "Closed without a code, mostly by the client itself; reconnect if you still need it.",
    1006: (
        "Closed without a close frame: the network broke, the server ended, or the handshake was "
        "refused; reconnect with growing waits, and look at the server's log if it never opens."
    ),
    1007: "A text frame that is no UTF-8; correct the client before you reconnect.",
    1008: "The server's policy forbids it; do not reconnect without a change.",
    1009: "A message was too big; reconnect, but do not send it again.",
    1011: "The server failed; reconnect with growing waits.",
    1012: "The server process is being restarted; reconnect after a short random wait.",
    1013: (
        "The client reads too slowly, or sends faster than the server handles; reconnect after a "
        "while, and fetch what you have missed."
    ),
    1014: "A proxy got no valid answer from the server; reconnect with growing waits.",
    1015: "The TLS handshake failed; check certificate and address before you reconnect.",
    4400: (
        "The request is wrong: too many invalid messages in a row, or the consumer refuses what "
        "the URL says; correct the client before you reconnect."
    ),
    4401: "No or wrong credentials, or they hold no longer; reconnect with a new login or token.",
    4403: (
        "Not allowed in, or disconnected by the site; log in if you have not, and do not reconnect "
        "without a change."
    ),
    4404: "There is no such object, or no longer; do not reconnect to this address.",
    4405: "The consumer's auth_method is not allowed; that is to be corrected on the server.",
    4408: (
        "The client was silent for too long: no token, no message or no answer to a heartbeat came "
        "in time; reconnect, and answer in time."
    ),
    4413: "A message was too big (1009 under daphne); reconnect, but do not send it again.",
    4429: "Too many messages, connections or attempts; reconnect after a while, and send less.",
    4500: (
        "The server's own code failed; reconnect with growing waits, and look at the server's log."
    ),
    4503: (
        "The server is being restarted, or something is too slow (1012 or 1013 under daphne); "
        "reconnect after a short random wait."
    ),
}
"""What each code tells those who write clients, in a sentence, and whether to reconnect.

Those of RFC 6455 that a server, a proxy or a browser reports are among them.
"""


def close_code_for_status(status_code: int) -> int:
    """Return the close code for an HTTP status: 401 gives 4401."""
    return _APPLICATION_CODES + status_code
