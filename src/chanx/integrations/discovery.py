"""Finding the consumers of an application: through middleware and nested URL routers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

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
    """A consumer and where it is reached. ``path`` has its parameters as ``{name}``."""

    path: str
    consumer: type[Any]
    parameters: tuple[PathParameter, ...] = ()
    name: str | None = None


def get_websocket_application(application: Any) -> Any | None:
    """Return what serves WebSockets in an ASGI application, or None.

    For Channels' ProtocolTypeRouter that is its "websocket" entry, middleware included; an
    application without one serves WebSockets itself if consumers are found in it.
    """
    for candidate in _unwrap(application):
        mapping = getattr(candidate, "application_mapping", None)
        if isinstance(mapping, dict):
            return mapping.get("websocket")
    return application if any(True for _ in get_routes(application)) else None


def get_routes(application: Any) -> Iterator[Route]:
    """Yield a route for each consumer that the application reaches, in the order of the URLs."""
    yield from _walk(application, "/", (), None)


def _unwrap(application: Any) -> Iterator[Any]:
    """Yield an application, and what it wraps, from the outside in."""
    seen: set[int] = set()
    while application is not None and id(application) not in seen:
        seen.add(id(application))
        yield application
        inner = (getattr(application, name, None) for name in _INNER_ATTRIBUTES)
        application = next((found for found in inner if callable(found)), None)


def _walk(
    application: Any, path: str, parameters: tuple[PathParameter, ...], name: str | None
) -> Iterator[Route]:
    for candidate in _unwrap(application):
        if consumer := getattr(candidate, "consumer_class", None):
            yield Route(path, consumer, parameters, name)
            return
        mapping = getattr(candidate, "application_mapping", None)
        if isinstance(mapping, dict):
            yield from _walk(mapping.get("websocket"), path, parameters, name)
            return
        routes = getattr(candidate, "routes", None)
        if isinstance(routes, list | tuple):
            for route in routes:
                text, own = _read_pattern(getattr(route, "pattern", None), parameters)
                yield from _walk(
                    getattr(route, "callback", None),
                    path + text.lstrip("/"),
                    parameters + own,
                    getattr(route, "name", None) or name,
                )
            return


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
    return type(converter).__name__.removesuffix("Converter").lower()
