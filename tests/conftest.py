"""Fixtures for all tests but those of the engine, which run without Django."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from chanx.testing import WebsocketCommunicator

Connect = Callable[..., Awaitable[WebsocketCommunicator]]


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    """The lines that chanx logs, as dicts, with the context that is bound to each."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, capture],
        cache_logger_on_first_use=False,
    )
    yield capture.entries
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def _no_output(logs: list[Any]) -> None:
    """Keep the lines off the terminal."""


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Make clients, connected and authenticated; all are disconnected after the test."""
    clients: list[WebsocketCommunicator] = []

    async def make(application: Any, path: str = "/ws/", **kwargs: Any) -> WebsocketCommunicator:
        client = WebsocketCommunicator(application, path, **kwargs)
        clients.append(client)
        connected, _ = await client.connect()
        assert connected
        await client.assert_authenticated_status_ok()
        return client

    yield make
    for client in clients:
        await client.disconnect_if_running()
