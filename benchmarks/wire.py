"""What goes over the sockets: the same messages for all peers, in each peer's own form."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Mode = Literal["echo", "room", "auth", "database"]
Query = Literal["async", "thread", "insert"]
Layer = Literal["memory", "core", "pubsub"]
Credentials = Literal["none", "session", "token"]


@dataclass(frozen=True)
class AppOptions:
    """What a peer's application is asked to be.

    Modes: "echo" sends messages back; "room" puts every connection into one group and sends
    what one says to all of them; "auth" lets in who has the credentials, and nothing else;
    "database" asks the database before it sends a message back.
    """

    mode: Mode = "echo"
    logs: bool = False
    camelize: bool = False
    layer: Layer = "memory"
    credentials: Credentials = "none"
    redis_url: str = ""
    query: Query = "async"
    """How the database is asked: by the asynchronous ORM, by the other one in a thread, or for a
    new row."""
    lanes: int = 4
    """The database lanes of this chanx."""
    folder: str = ""
    """Where the application may leave its database and its log."""

    def to_dict(self) -> dict[str, Any]:
        """Return a dict that JSON can hold, which the class takes as arguments again."""
        return asdict(self)


PAYLOAD: dict[str, Any] = {
    "message_id": 4711,
    "user_name": "alice",
    "sent_at": "2026-01-01T12:00:00Z",
    "body_text": "See you at the station",
}
CAMEL_PAYLOAD: dict[str, Any] = {
    "messageId": 4711,
    "userName": "alice",
    "sentAt": "2026-01-01T12:00:00Z",
    "bodyText": "See you at the station",
}


def get_payload(*, camelize: bool = False, size: int = 0) -> dict[str, Any]:
    """Return the payload of a message, with a text of ``size`` characters if that is not 0."""
    payload = dict(CAMEL_PAYLOAD if camelize else PAYLOAD)
    if size:
        payload["bodyText" if camelize else "body_text"] = "x" * size
    return payload


def dump(value: Any) -> str:
    """Return compact JSON, as browsers write it."""
    return json.dumps(value, separators=(",", ":"))


@dataclass(frozen=True)
class Dialect:
    """How one talks to a peer.

    ``greeting``: how many frames the server sends before the connection is ready, per mode.
    ``answer_to_first``: what the client sends after the first of them.
    """

    make: Callable[[str, dict[str, Any]], str]
    greeting: dict[Mode, int]
    path: str = "/ws/"
    query: str = ""
    answer_to_first: str | None = None

    @property
    def target(self) -> str:
        """The path with the query string."""
        return f"{self.path}?{self.query}" if self.query else self.path


def _make_plain(action: str, payload: dict[str, Any]) -> str:
    return dump({"action": action, "payload": payload})


def _make_request(action: str, payload: dict[str, Any]) -> str:
    return dump({"action": action, "request_id": 1, "payload": payload})


def _make_socketio(action: str, payload: dict[str, Any]) -> str:
    return "42" + dump([action, payload])


NO_GREETING: dict[Mode, int] = {"echo": 0, "room": 0, "auth": 0, "database": 0}
# The authentication message; in a room one more, because a client of the originals does not know
# when it is in its group unless the application says so.
AUTHENTICATED: dict[Mode, int] = {"echo": 1, "room": 2, "auth": 1, "database": 1}

PLAIN = Dialect(_make_plain, NO_GREETING)
CHANX = Dialect(_make_plain, AUTHENTICATED)
REQUEST = Dialect(_make_request, NO_GREETING)
# Engine.IO's open packet; then Socket.IO's connect packet, answered.
SOCKETIO = Dialect(
    _make_socketio,
    {"echo": 2, "room": 2, "auth": 2},
    path="/socket.io/",
    query="EIO=4&transport=websocket",
    answer_to_first="40",
)
