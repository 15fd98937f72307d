"""Which web sites may open sockets with the cookies of their visitors.

Browsers send cookies with a handshake, whatever page opens the socket, and apply no CORS to it;
what they do send is the page's origin (RFC 6455, section 10.2). Other clients need not send one,
and have no cookies but those that they were given.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.utils.http import is_same_domain

from chanx.integrations.request import make_request

__all__ = ["ANY_ORIGIN", "find_bad_origins", "find_foreign_origin"]

ANY_ORIGIN: Final = "*"
"""Stands for a check that is switched off."""

_MAX_SHOWN: Final = 200
"""Characters of an origin in the log, which anybody may make up."""

# RFC 6454, section 6.2: scheme, host and port, and nothing else. Browsers write names of other
# alphabets in ASCII.
_ORIGIN: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]{0,63})://"
    r"(?P<host>[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_WEB: Final = frozenset(_DEFAULT_PORTS)

# What Django allows for DEBUG with an empty ALLOWED_HOSTS (HttpRequest.get_host).
_DEBUG_HOSTS: Final = (".localhost", "127.0.0.1", "[::1]")

_Origin = tuple[str, str, str]
"""Scheme, host, and ``:port`` or nothing for the scheme's default port."""


def find_foreign_origin(scope: Mapping[str, Any], allowed: tuple[str, ...]) -> str | None:
    """Return the origin of a handshake that is to be refused, fit for a line of a log, or None.

    ``allowed``: origins beside those that Django's settings trust. A handshake without an origin
    passes. Never raises, whatever came in.
    """
    found: bytes | None = None
    for name, value in scope.get("headers", ()):
        # Six letters first: all headers of a client without an origin are looked at.
        if len(name) == 6 and name.lower() == b"origin":  # the length of the name
            if found is not None:
                # Browsers send one. Which one would a proxy in front of this have looked at?
                return None if ANY_ORIGIN in allowed else _show(found + b", " + value)
            found = value
    if found is None or ANY_ORIGIN in allowed or _is_allowed(found, scope, allowed):
        return None
    return _show(found)


def find_bad_origins(origins: Any) -> Iterator[str]:
    """Yield what is wrong with a list of allowed origins."""
    if origins == ANY_ORIGIN:
        return
    if not isinstance(origins, list | tuple):
        yield f'is {origins!r}, but must be a list of origins, or "*" to allow all'
        return
    for origin in origins:
        is_fine = origin == ANY_ORIGIN or (
            isinstance(origin, str) and _parse(origin.replace("://*.", "://", 1))
        )
        if not is_fine:
            yield (
                f"holds {origin!r}, but an origin has a scheme, a host and perhaps a port and "
                'nothing else, like "https://app.example.com" or "https://*.example.com"'
            )


def _is_allowed(value: bytes, scope: Mapping[str, Any], allowed: tuple[str, ...]) -> bool:
    try:
        origin = _parse(value.decode("ascii"))
    except UnicodeDecodeError:
        return False
    if origin is None:  # "null" among others: a page in a sandbox, or in a file
        return False
    return (
        _is_own(origin, scope)
        or _matches(origin, _compile(allowed))
        or _matches(origin, _compile(tuple(settings.CSRF_TRUSTED_ORIGINS)))
    )


def _is_own(origin: _Origin, scope: Mapping[str, Any]) -> bool:
    """Tell whether the page comes from a host of this site. Ports do not matter, as for cookies."""
    scheme, host, _ = origin
    if scheme not in _WEB:
        return False
    host = host.removesuffix(".")
    hosts: Sequence[str] = settings.ALLOWED_HOSTS
    if settings.DEBUG and not hosts:
        hosts = _DEBUG_HOSTS
    if any(pattern != ANY_ORIGIN and is_same_domain(host, pattern) for pattern in hosts):
        return True
    # Any other host of a request is not allowed, and so not this site's.
    return ANY_ORIGIN in hosts and host == _get_own_host(scope)


def _get_own_host(scope: Mapping[str, Any]) -> str | None:
    try:
        netloc = make_request(scope, "get").get_host()
    except DisallowedHost:  # malformed
        return None
    origin = _parse(f"http://{netloc}")
    return origin[1].removesuffix(".") if origin else None


def _parse(text: str) -> _Origin | None:
    match = _ORIGIN.fullmatch(text.lower())
    if not match:
        return None
    scheme, host, port = match["scheme"], match["host"], match["port"]
    is_default = port is None or port == _DEFAULT_PORTS.get(scheme)
    return scheme, host, "" if is_default else f":{port}"


@functools.lru_cache(maxsize=256)
def _compile(origins: tuple[str, ...]) -> tuple[frozenset[_Origin], tuple[_Origin, ...]]:
    """Return the origins as they are compared, and those with wildcards: hosts with a dot first.

    What is malformed is left out: a system check of ours, or of Django's, has named it.
    """
    exact, wildcards = set(), []
    for text in origins:
        is_wildcard = "://*." in text
        origin = _parse(text.replace("://*.", "://", 1))
        if origin and is_wildcard:
            wildcards.append((origin[0], f".{origin[1]}", origin[2]))
        elif origin:
            exact.add(origin)
    return frozenset(exact), tuple(wildcards)


def _matches(origin: _Origin, compiled: tuple[frozenset[_Origin], tuple[_Origin, ...]]) -> bool:
    exact, wildcards = compiled
    scheme, host, port = origin
    return origin in exact or any(
        # As in Django's CSRF middleware, the domain itself is one of its subdomains.
        (scheme, port) == (wanted_scheme, wanted_port) and is_same_domain(host, domain)
        for wanted_scheme, domain, wanted_port in wildcards
    )


def _show(value: bytes) -> str:
    text = value[: _MAX_SHOWN + 1].decode("latin-1")
    shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in text[:_MAX_SHOWN])
    return shown + "..." if len(text) > _MAX_SHOWN else shown
