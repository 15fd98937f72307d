"""Emptying a process before it ends: no new connections, and the open ones closed bit by bit."""

import asyncio
from typing import Final

from chanx.codes import CloseCode
from chanx.engine.connection import Connection
from chanx.engine.registry import registry

__all__ = ["drain", "undrain"]

_REASON: Final = "draining"

_CLOSE_TIMEOUT: Final = 10.0
"""Seconds until a connection is given up whose client answers no close frame."""

_END_TIMEOUT: Final = 30.0
"""Seconds that handlers, and the consumer's ``disconnect()``, then have to end."""

# RFC 6455, section 7.4, and the IANA registry: what an endpoint may send.
_CODES: Final = frozenset({1000, 1001, 1003, *range(1007, 1015), *range(3000, 5000)})


async def drain(
    batch: int = 100, interval: float = 0.1, code: int = CloseCode.SERVICE_RESTART
) -> int:
    """Accept no more connections and close the open ones; return how many were closed.

    New handshakes are refused from the first moment, with HTTP 503 where the server can, until
    ``undrain`` is called. The open connections are closed in the order in which they came,
    ``batch`` at a time with ``interval`` seconds in between, so that their clients do not all come
    back at once. Handlers that run have their consumer's grace time. The call returns when all have
    ended; one whose client does not answer is given up after 10 seconds.

    It closes the connections of the event loop that it runs in, so call it there: in a consumer, an
    async view or a task of the server's process. From elsewhere: ``manage.py chanx_drain``.
    Cancelling it stops the closing and leaves the refusing on.

    Raises ValueError for a batch of less than one, a negative interval, or a code that no endpoint
    may send.
    """
    if batch < 1:
        raise ValueError(f"drain(batch={batch!r}): it must be 1 or more")
    if interval < 0:
        raise ValueError(f"drain(interval={interval!r}): it must be 0 or more seconds")
    if code not in _CODES:
        raise ValueError(
            f"drain(code={code!r}): not a code that may be sent; use 1012 (service restart), "
            "1001 (going away) or one from 3000 to 4999"
        )
    registry.is_draining = True
    connections = registry.get_connections_here()
    closed = 0
    async with asyncio.TaskGroup() as tasks:
        for start in range(0, len(connections), batch):
            if start:
                await asyncio.sleep(interval)
            if not registry.is_draining:
                break
            for connection in connections[start : start + batch]:
                closed += not connection.is_closing
                # Those that somebody else is closing are waited for as well.
                tasks.create_task(_end(connection, int(code)), name="chanx drain")
    return closed


def undrain() -> None:
    """Accept connections again. A ``drain`` under way closes no further batch."""
    registry.is_draining = False


async def _end(connection: Connection, code: int) -> None:
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT):
            await connection.close(code, _REASON)
    except TimeoutError:
        pass
    if not await registry.wait_ended(connection, _CLOSE_TIMEOUT):
        connection.abort(code)
        await registry.wait_ended(connection, _END_TIMEOUT)
