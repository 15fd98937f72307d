"""URL patterns for consumers, typed for what Channels' URLRouter takes, and finding consumers."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from channels.routing import URLRouter
from django.urls import path as django_path
from django.urls import re_path as django_re_path

from chanx.integrations.discovery import (
    PathParameter,
    Route,
    get_routes,
    get_websocket_application,
)

__all__ = [
    "PathParameter",
    "Route",
    "get_routes",
    "get_websocket_application",
    "include",
    "path",
    "re_path",
]

if TYPE_CHECKING:
    # What the stubs of Channels say that a URLRouter takes.
    from channels.routing import (  # pyright: ignore[reportMissingTypeStubs]
        _ExtendedURLPattern as URLPattern,  # pyright: ignore[reportPrivateUsage]
    )
else:
    from django.urls.resolvers import URLPattern

ASGIApplication = Callable[[Any, Any, Any], Awaitable[Any]]


def path(
    route: str,
    view: ASGIApplication,
    kwargs: dict[str, Any] | None = None,
    name: str | None = None,
) -> URLPattern:
    """Return a pattern as Django's ``path`` does.

    ``view`` is what a consumer's ``as_asgi()`` returned, or a router. With a router the pattern is
    a prefix, as with Django's ``include``. Raises TypeError for the consumer's class itself, to
    which nobody could connect.
    """
    _refuse_class(route, view)
    return cast("URLPattern", django_path(route, cast("Any", view), kwargs, name))


def re_path(
    route: str,
    view: ASGIApplication,
    kwargs: dict[str, Any] | None = None,
    name: str | None = None,
) -> URLPattern:
    """Return a pattern as Django's ``re_path`` does; the rest is as with ``path``."""
    _refuse_class(route, view)
    return cast("URLPattern", django_re_path(route, cast("Any", view), kwargs, name))


def _refuse_class(route: str, view: Any) -> None:
    if isinstance(view, type) and hasattr(view, "as_asgi"):
        raise TypeError(
            f"The route {route!r} must lead to {view.__name__}.as_asgi(), not to the class "
            f"{view.__name__} itself"
        )


def include(target: URLRouter | str | ModuleType) -> URLRouter:
    """Return the router of an application, to be put under a prefix with ``path``.

    A module, or its dotted name, exposes it as ``router``. Raises TypeError when there is none.
    """
    router: Any = target
    if isinstance(router, str):
        router = import_module(router)
    if isinstance(router, ModuleType):
        module = router
        router = getattr(module, "router", None)
        if router is None:
            raise TypeError(
                f"The module {module.__name__!r} has no 'router'; "
                "define router = URLRouter([path(...), ...]) in it"
            )
    if not isinstance(router, URLRouter):
        raise TypeError(f"include() takes a URLRouter or a module with one, not {target!r}")
    return router
