"""The live connections of this process, and how many of them each user and each address has."""

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from chanx.engine.connection import Connection

__all__ = ["Places", "Registry", "registry"]


class Places:
    """How many connections each holder has; a holder without any costs nothing."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._held)

    def count(self, holder: str) -> int:
        """Return how many connections a holder has."""
        return self._held.get(holder, 0)

    def take(self, holder: str, limit: int | None) -> bool:
        """Count one connection more, unless the holder has reached the limit; None: no limit."""
        held = self._held.get(holder, 0)
        if limit is not None and held >= limit:
            return False
        self._held[holder] = held + 1
        return True

    def give_back(self, holder: str) -> None:
        """Count one connection less."""
        held = self._held[holder] - 1
        if held:
            self._held[holder] = held
        else:
            del self._held[holder]


class _Entry:
    """What is known of one connection beside itself."""

    __slots__ = ("address", "ended", "loop", "user")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.address: str | None = None
        self.user: str | None = None
        self.ended: asyncio.Future[None] | None = None
        """Made when somebody waits for the end."""


class Registry:
    """Knows a connection from the start of its ``run`` to the end of it.

    To be changed in the thread of the connection's event loop only. The counts are for the process:
    all its connections, of whatever consumer.
    """

    def __init__(self) -> None:
        self.is_draining = False
        """New handshakes are refused."""
        self.users = Places()
        self.addresses = Places()
        self._entries: dict[Connection, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get_connections(self) -> list["Connection"]:
        """Return all connections, in the order in which they came. For any thread."""
        return list(self._entries)

    def get_connections_here(self) -> list["Connection"]:
        """Return the connections of the running event loop."""
        loop = asyncio.get_running_loop()
        return [connection for connection, entry in self._entries.items() if entry.loop is loop]

    def add(self, connection: "Connection") -> None:
        """Take in a connection that begins."""
        self._entries[connection] = _Entry(asyncio.get_running_loop())

    def remove(self, connection: "Connection") -> None:
        """Forget a connection that has ended; its places are free again."""
        entry = self._entries.pop(connection, None)
        if entry is None:
            return
        if entry.address is not None:
            self.addresses.give_back(entry.address)
        if entry.user is not None:
            self.users.give_back(entry.user)
        if entry.ended and not entry.ended.done():
            entry.ended.set_result(None)

    def take_address(self, connection: "Connection", address: str, limit: int | None) -> bool:
        """Count a connection for its address; False: the address has reached the limit."""
        entry = self._entries.get(connection)
        if entry is None or entry.address is not None:
            return True  # it has ended meanwhile, or is counted already
        if not self.addresses.take(address, limit):
            return False
        entry.address = address
        return True

    def take_user(self, connection: "Connection", user: str, limit: int | None) -> bool:
        """Count a connection for its user; False: the user has reached the limit."""
        entry = self._entries.get(connection)
        if entry is None or entry.user is not None:
            return True
        if not self.users.take(user, limit):
            return False
        entry.user = user
        return True

    async def wait_ended(self, connection: "Connection", timeout: float) -> bool:
        """Wait until a connection has ended, for ``timeout`` seconds at most; tell whether it has.

        To be called in the event loop of the connection.
        """
        entry = self._entries.get(connection)
        if entry is None:
            return True
        if entry.ended is None:
            entry.ended = entry.loop.create_future()
        done, _ = await asyncio.wait({entry.ended}, timeout=timeout)
        return bool(done)


registry: Final = Registry()
"""The connections of this process."""
