"""The bounds of one connection."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Every queue and every wait of a connection, with what happens at the bound."""

    inbox: int = 64
    """Events waiting for the handler. At the bound the socket is not read; TCP slows the sender."""

    inbox_events: int = 1024
    """Broker events among them. At the bound the connection is closed with 1013."""

    outbox_frames: int = 1024
    """Frames waiting for the socket. One delivery more closes the connection with 1013."""

    outbox_bytes: int = 1024 * 1024
    """UTF-8 bytes of text waiting for the socket, with the same consequence."""

    close_timeout: float = 5.0
    """Seconds that a client which does not read has to take the close frame."""

    cancel_timeout: float = 10.0
    """Seconds that a cancelled handler has to end, before the connection is given up without it."""
