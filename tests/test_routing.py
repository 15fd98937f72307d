"""URL patterns for consumers."""

import asyncio
import sys
from types import ModuleType
from typing import Any

import pytest
from channels.routing import URLRouter
from django.urls import URLPattern

from chanx import routing
from chanx.integrations import discovery
from chanx.routing import include, path, re_path
from chanx.testing import WebsocketCommunicator
from tests.app.consumers import OpenConsumer
from tests.conftest import Connect


class WhereAmI(OpenConsumer):
    """Tells what the URL says."""

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Answer with the arguments of the URL."""
        route = self.scope["url_route"]
        await self.send_json(
            {"action": "here", "args": list(route["args"]), "kwargs": route["kwargs"]}
        )


HERE = WhereAmI.as_asgi()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module with a router, under the name "some_app.routing"."""
    found = ModuleType("some_app.routing")
    monkeypatch.setitem(sys.modules, "some_app", ModuleType("some_app"))
    monkeypatch.setitem(sys.modules, "some_app.routing", found)
    found.router = URLRouter([path("<int:number>/", HERE)])  # type: ignore[attr-defined]
    return found


async def ask(connect: Connect, application: Any, url: str) -> Any:
    client = await connect(application, url)
    await client.send_json_to({"action": "ping"})
    return await client.receive_json_from()


async def test_path_and_re_path_lead_to_consumers(connect: Connect) -> None:
    application = URLRouter(
        [
            path("a/<int:number>/", HERE, {"extra": "x"}),
            re_path(r"^b/(?P<word>\w+)/$", HERE),
            re_path(r"^c/(\w+)/$", HERE),
        ]
    )
    here = {"action": "here", "args": []}
    assert await ask(connect, application, "/a/5/") == {
        **here,
        "kwargs": {"number": 5, "extra": "x"},
    }
    assert await ask(connect, application, "/b/x/") == {**here, "kwargs": {"word": "x"}}
    assert await ask(connect, application, "/c/x/") == {**here, "args": ["x"], "kwargs": {}}


def test_patterns_are_djangos() -> None:
    for pattern in (path("a/", HERE, name="a"), re_path("a/", HERE, name="a")):
        assert isinstance(pattern, URLPattern)
        assert pattern.name == "a"


async def test_include_takes_a_router_a_module_or_its_name(
    connect: Connect, module: ModuleType
) -> None:
    for target in (module.router, module, "some_app.routing"):
        router = include(target)
        assert router is module.router
        application = URLRouter([path("prefix/<slug:room>/", router)])
        here = await ask(connect, application, "/prefix/kitchen/7/")
        assert here["kwargs"] == {"room": "kitchen", "number": 7}


async def test_unknown_url_raises_as_in_channels() -> None:
    client = WebsocketCommunicator(URLRouter([path("a/", HERE)]), "/b/")
    await asyncio.wait({client.future})  # or connect() would wait for an answer first
    with pytest.raises(ValueError, match="No route found"):
        await client.connect()


def test_module_without_a_router_is_named(module: ModuleType) -> None:
    delattr(module, "router")
    for target in (module, "some_app.routing"):
        with pytest.raises(TypeError, match=r"'some_app\.routing' has no 'router'"):
            include(target)


@pytest.mark.parametrize("target", [None, 5, [path("a/", HERE)], HERE])
def test_include_of_something_else_is_a_type_error(target: Any) -> None:
    with pytest.raises(TypeError, match="URLRouter"):
        include(target)


def test_router_of_a_module_must_be_one(module: ModuleType) -> None:
    module.router = [path("a/", HERE)]  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="URLRouter"):
        include(module)


def test_missing_module_is_an_import_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        include("no_such_module.routing")


def test_discovery_can_be_imported_from_here() -> None:
    for name in ("PathParameter", "Route", "get_routes", "get_websocket_application"):
        assert getattr(routing, name) is getattr(discovery, name)
        assert name in routing.__all__
