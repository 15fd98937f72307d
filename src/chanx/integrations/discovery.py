"""Finding the consumers of an application: through middleware and nested URL routers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls.converters import DEFAULT_CONVERTERS
from django.urls.resolvers import RegexPattern, RoutePattern

from chanx.integrations.regex_paths import read_regex

__all__ = ["PathParameter", "Route", "get_routes", "get_websocket_application"]

_INNER_ATTRIBUTES: Final = ("inner", "app", "application")
_CONVERTER: Final = re.compile(r"<(?:[^>:]+:)?([^>]+)>")


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A part of a URL that varies: its name, the regex it matches, and the converter if any.

    Those that have no name are called ``arg1``, ``arg2`` and so on, from left to right.
    """

    name: str
    pattern: str
    converter: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A consumer and where it is reached. ``path`` has its parameters as ``{name}``.

    ``consumer``: its class, or that of an ASGI application that is no consumer; a function is
    itself. ``is_class``: the route leads to the class and not to what its ``as_asgi()`` returned,
    so that nobody can connect. ``regexes``: the expressions of ``re_path`` that lead there.
    """

    path: str
    consumer: Any
    parameters: tuple[PathParameter, ...] = ()
    name: str | None = None
    is_class: bool = False
    regexes: tuple[str, ...] = ()


def get_websocket_application(application: Any) -> Any | None:
    """Return what serves WebSockets in an ASGI application, or None.

    For Channels' ProtocolTypeRouter that is its "websocket" entry, middleware included; an
    application without one serves WebSockets itself if consumers are found in it.
    """
    for candidate in _unwrap(application):
        mapping = _get(candidate, "application_mapping")
        if isinstance(mapping, dict):
            return mapping.get("websocket")
    return application if any(True for _ in get_routes(application)) else None


def get_routes(application: Any) -> Iterator[Route]:
    """Yield a route for each consumer that the application reaches, in the order of the URLs.

    Whatever else stands behind a URL of its routers has one, too; so has middleware that does not
    keep what it wraps as ``inner``, ``app`` or ``application``, and so hides its routes.
    """
    yield from _walk(application, Route("/", None))


def _unwrap(application: Any) -> Iterator[Any]:
    """Yield an application, and what it wraps, from the outside in."""
    seen: set[int] = set()
    while application is not None and id(application) not in seen:
        seen.add(id(application))
        yield application
        inner = (_get(application, name) for name in _INNER_ATTRIBUTES)
        application = next((found for found in inner if callable(found)), None)


def _get(application: Any, name: str) -> Any:
    try:
        return getattr(application, name, None)
    except Exception:  # a property of the site's own
        return None


def _walk(application: Any, before: Route) -> Iterator[Route]:
    """Yield the routes of an application; ``before`` is what leads to it."""
    for candidate in _unwrap(application):
        if isinstance(consumer := _get(candidate, "consumer_class"), type):
            yield replace(before, consumer=consumer)
            return
        mapping = _get(candidate, "application_mapping")
        if isinstance(mapping, dict):
            yield from _read_route(mapping.get("websocket"), before)
            return
        routes = _get(candidate, "routes")
        if isinstance(routes, list | tuple):
            for route in routes:
                pattern = getattr(route, "pattern", None)
                text, own = _read_pattern(pattern, before.parameters)
                regexes = (str(pattern),) if isinstance(pattern, RegexPattern) else ()
                reached = Route(
                    path=before.path + text.lstrip("/"),
                    consumer=None,
                    parameters=before.parameters + own,
                    name=getattr(route, "name", None) or before.name,
                    regexes=before.regexes + regexes,
                )
                yield from _read_route(getattr(route, "callback", None), reached)
            return


def _read_route(target: Any, reached: Route) -> Iterator[Route]:
    """Yield what is behind a route of a router."""
    if target is None:
        return
    if isinstance(target, type) and hasattr(target, "as_asgi"):
        yield replace(reached, consumer=target, is_class=True)
        return
    found = list(_walk(target, reached))
    yield from found
    *_, innermost = _unwrap(target)
    is_router = isinstance(innermost, ProtocolTypeRouter | URLRouter)
    if not found and not is_router:
        consumer = innermost if hasattr(innermost, "__qualname__") else type(innermost)
        yield replace(reached, consumer=consumer)


def _read_pattern(
    pattern: Any, before: tuple[PathParameter, ...]
) -> tuple[str, tuple[PathParameter, ...]]:
    """Return the text of a URL pattern with ``{name}`` for parameters, and the parameters.

    ``before``: those of the patterns that lead there.
    """
    if isinstance(pattern, RoutePattern):
        parameters = tuple(
            PathParameter(name, converter.regex, _get_converter_name(converter))
            for name, converter in pattern.converters.items()
        )
        return _CONVERTER.sub(r"{\1}", str(pattern)), parameters
    if isinstance(pattern, RegexPattern):
        pieces = list(read_regex(str(pattern)))
        taken = {each.name for each in before} | {name for name, _ in pieces if name}
        texts: list[str] = []
        found: list[PathParameter] = []
        for name, text in pieces:
            if name is None:
                texts.append(text)
                continue
            name = name or _find_free_name(taken)
            taken.add(name)
            found.append(PathParameter(name, text))
            texts.append(f"{{{name}}}")
        return "".join(texts), tuple(found)
    return "", ()


def _find_free_name(taken: set[str]) -> str:
    number = 1
    while f"arg{number}" in taken:
        number += 1
    return f"arg{number}"


def _get_converter_name(converter: Any) -> str:
    """Return the name of one of Django's converters, or of the class of another."""
    kind = type(converter)
    name = _shorten(kind)
    known = {type(each) for each in DEFAULT_CONVERTERS.values()}
    if kind not in known and name in map(_shorten, known):
        return f"{kind.__module__}.{kind.__qualname__}"
    return name


def _shorten(kind: type[Any]) -> str:
    return kind.__name__.removesuffix("Converter").lower()
