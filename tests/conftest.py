"""Fixtures for all tests but those of the engine, which run without Django."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final, Protocol, TypeVar

import pytest
import structlog
from asgiref.sync import sync_to_async
from channels.layers import BaseChannelLayer, InMemoryChannelLayer, channel_layers
from django.test import override_settings
from pytest_django import DjangoDbBlocker
from structlog.testing import LogCapture

from chanx.generic import admission, authenticator, failures, identities, recheck
from chanx.integrations import channel_layer, database
from chanx.log import RepeatLimit
from chanx.testing import WebsocketCommunicator
from tests.app.consumers import VARIANTS, ConsumerClass, override
from tests.browser import run_browser
from tests.clock import Clock, clock  # noqa: F401 - a fixture
from tests.examples.demo import Demo
from tests.hypothesis_profile import load_profile
from tests.live.processes import Server, start_uvicorn
from tests.pages.site import settings as page_site_settings
from tests.patience import be_patient

Connect = Callable[..., Awaitable[WebsocketCommunicator]]
Vary = Callable[[ConsumerClass], Any]
LayerT = TypeVar("LayerT", bound=BaseChannelLayer)

load_profile()
be_patient()


class UseLayer(Protocol):
    """Makes a channel layer the default one."""

    def __call__(self, layer: LayerT) -> LayerT:
        """Return the layer."""
        ...


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


@pytest.fixture(autouse=True)
def _nothing_has_happened() -> None:
    """Let no user have what happened in the last test to another one of the same key."""
    identities._recent_events.clear()
    identities._recent_kicks.clear()


_log_clock: Final = Clock(0.0)


@pytest.fixture(autouse=True)
def _fresh_log_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test keep the lines of the next from being logged, and be one second for a limit.

    What is logged once a second would be logged twice by a test that is paused in between.
    """
    _log_clock.advance(3600)
    monkeypatch.setattr(RepeatLimit.__init__, "__defaults__", (_log_clock.time,))
    monkeypatch.setattr(admission, "log_limit", RepeatLimit())
    monkeypatch.setattr(failures, "failure_limit", RepeatLimit())


@pytest.fixture(autouse=True)
def _time_for_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no check of a client come too late, unless a test wants it to."""
    monkeypatch.setattr(authenticator, "_DEADLINE", 3600.0)
    monkeypatch.setattr(recheck, "_DEADLINE", 3600.0)


@pytest.fixture(autouse=True)
def _no_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no process look whether its layer delivers, unless a test says when.

    Ten seconds after its first group it would, which is in the middle of a test that was paused, or
    just when its event loop is closed.
    """
    monkeypatch.setattr(channel_layer, "CHECK_INTERVAL", None)


@pytest.fixture(autouse=True)
def _database_for_threads(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let threads look whether their connections are still good, as Channels makes them do.

    pytest-django takes that for a use of the database, once a thread has a connection.
    """
    with django_db_blocker.unblock():
        yield


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
    # A re-check that nobody waits for any more may still query, where the database is flushed next:
    # this comes after it in the same thread.
    await sync_to_async(int)()


@pytest.fixture
def use_layer() -> Iterator[UseLayer]:
    """Make a channel layer the default one until the test ends."""
    before = channel_layers.backends.get("default")

    def use(layer: LayerT) -> LayerT:
        channel_layers.set("default", layer)
        return layer

    yield use
    channel_layers.backends.pop("default", None)
    if before is not None:
        channel_layers.set("default", before)


@pytest.fixture
def layer(use_layer: UseLayer) -> InMemoryChannelLayer:
    """The default channel layer, empty."""
    return use_layer(InMemoryChannelLayer())


@pytest.fixture(params=VARIANTS)
def vary(request: pytest.FixtureRequest) -> Vary:
    """Make the application of a consumer, as it is and with each step overridden by a subclass."""

    def make(consumer: ConsumerClass) -> Any:
        return override(consumer, request.param).as_asgi()

    return make


@pytest.fixture
async def leftover() -> Callable[[], set[str]]:
    """Tell the names of the tasks that have been started since and are not done.

    Without the one that closes used up database connections: it is the process's and no
    connection's, and is started whenever its interval happens to be over.
    """
    before = asyncio.all_tasks()

    def find() -> set[str]:
        ours = asyncio.all_tasks() - before - {asyncio.current_task()}
        housekeeping = database.close_connections_now.__qualname__
        return {
            repr(task)
            for task in ours
            if not task.done() and getattr(task.get_coro(), "__qualname__", "") != housekeeping
        }

    return find


@pytest.fixture
def site_settings() -> Iterator[None]:
    """Have the site of ``tests.description.site`` be the one that is served."""
    with override_settings(
        ASGI_APPLICATION="tests.description.site.application",
        ROOT_URLCONF="tests.description.site",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
    ):
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    with run_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def page_site() -> Iterator[Server]:
    """The site of ``tests.description.site``, served with its pages and with DEBUG."""
    environment = {"DJANGO_SETTINGS_MODULE": "tests.pages.site.settings"}
    with start_uvicorn("tests.pages.site.asgi:application", environment=environment) as server:
        yield server


@pytest.fixture
def page_settings(site_settings: None) -> Iterator[None]:
    """Have the site of ``tests.description.site`` served with its pages."""
    with override_settings(
        INSTALLED_APPS=page_site_settings.INSTALLED_APPS,
        TEMPLATES=page_site_settings.TEMPLATES,
        STATIC_URL=page_site_settings.STATIC_URL,
    ):
        yield


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The example chat, started once for a module."""
    demo = Demo(tmp_path_factory.mktemp("chat"))
    demo.start()
    yield demo
    demo.stop()
