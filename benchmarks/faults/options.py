"""What a peer's application is asked to be."""

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.wire import Layer

__all__ = ["FaultOptions"]


@dataclass(frozen=True)
class FaultOptions:
    """Goes to the server's process as JSON."""

    folder: str
    """Where the application leaves its database, and how its handlers ended."""
    layer: Layer = "memory"
    redis_url: str = ""
    is_unlimited: bool = False
    """No limit to the messages of a client per second, where a peer has one."""
    has_objects: bool = False
    """There is a database with users, and an endpoint for each."""
    has_members: bool = False
    """There are users with sessions, an endpoint for them, and views that end what they have."""
    max_frame: int | None = None
    """The server's own limit of a message, in bytes; None: its default, which is 16 MiB."""

    def to_dict(self) -> dict[str, Any]:
        """Return a dict that JSON can hold, which the class takes as arguments again."""
        return asdict(self)
