"""How clients prove who they are, read from DRF's authentication classes."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.permissions import (
    SAFE_METHODS,
    DjangoModelPermissions,
    IsAdminUser,
    IsAuthenticated,
    IsAuthenticatedOrReadOnly,
)
from rest_framework.request import Request

from chanx.generic.authenticator import ChanxWebsocketAuthenticator
from chanx.generic.handshake_view import HandshakeView
from chanx.integrations.credentials import BEARER_PREFIX

__all__ = ["SecurityScheme", "describe_authenticator", "describe_security", "needs_login"]

_TOKEN_WORDS: Final = frozenset({"bearer", "jwt", "token"})
_DECIDING: Final = ("authenticate", "check")
"""The methods of an authenticator that decide who gets in."""
_LOGIN_PERMISSIONS: Final = (IsAuthenticated, IsAdminUser, DjangoModelPermissions)


@dataclass(frozen=True, slots=True)
class SecurityScheme:
    """One way of proving who one is.

    ``kind``: "custom" is a class of which nothing is known but its docstring. ``location``: where
    the proof stands; None: not known. ``parameter``: the name of the cookie, header or query
    parameter. ``scheme``: the word before a token in an Authorization header. ``needs_scheme``: a
    token stands behind this word and a space in the other places, too.
    """

    name: str
    kind: Literal["session", "basic", "token", "custom"]
    location: Literal["cookie", "header", "subprotocol", "query", "message"] | None
    description: str
    parameter: str | None = None
    scheme: str | None = None
    is_jwt: bool = False
    needs_scheme: bool = False


def describe_authenticator(
    authenticator_class: type[ChanxWebsocketAuthenticator],
) -> tuple[SecurityScheme | None, bool]:
    """Return the way in of a site's own authenticator, and whether it runs the usual checks.

    None, and True: it decides nothing itself. Those that call neither ``authenticate`` nor
    ``check`` of their base ask no classes.
    """
    overrides = [
        getattr(authenticator_class, name)
        for name in _DECIDING
        if getattr(authenticator_class, name) is not getattr(ChanxWebsocketAuthenticator, name)
    ]
    if not overrides:
        return None, True
    return _describe_custom(authenticator_class), any(map(_calls_base, overrides))


def _calls_base(method: Any) -> bool:
    """Tell whether a method names its base, and one of the methods that decide."""
    code = getattr(inspect.unwrap(method), "__code__", None)
    names = set(code.co_names) if code else set()
    # Others have methods of these names, too: django.contrib.auth.authenticate().
    bases = {"super", *(cls.__name__ for cls in ChanxWebsocketAuthenticator.__mro__[:-1])}
    return bool(names & bases) and bool(names & set(_DECIDING))


def describe_security(
    classes: Iterable[Any], transports: Sequence[str]
) -> tuple[SecurityScheme, ...]:
    """Return the ways in, in the order of the classes; any one of them is enough.

    ``transports``: where a token may come from, as in the setting TOKEN_TRANSPORTS.
    """
    listed = [each for each in classes if isinstance(each, type)]
    bare = _get_bare_scheme(listed)
    found = (scheme for each in listed for scheme in _describe_class(each, transports, bare))
    return tuple(dict.fromkeys(found))


def _get_bare_scheme(classes: Sequence[Any]) -> str | None:
    """Return the word that a handshake gives to a token that comes without one."""
    view = HandshakeView()
    view.authentication_classes = classes
    try:
        return view.get_token_scheme({"type": "websocket", "path": "/", "headers": []})
    except Exception:  # of the user's own code
        return None


def needs_login(permission_classes: Iterable[Any], auth_method: str = "get") -> bool:
    """Tell whether a permission class is known to refuse anonymous users.

    False: they may get in, or a class decides of which that is not known.
    """
    reads = str(auth_method).upper() in SAFE_METHODS
    return any(_refuses_anonymous(permission, reads=reads) for permission in permission_classes)


def _refuses_anonymous(permission: Any, *, reads: bool) -> bool:
    if isinstance(permission, type):
        if not _is_of_drf(getattr(permission, "has_permission", None)):
            return False  # a subclass that decides for itself
        if issubclass(permission, IsAuthenticatedOrReadOnly):
            return not reads
        # DjangoModelPermissionsOrAnonReadOnly is a subclass that lets them read.
        return issubclass(permission, _LOGIN_PERMISSIONS) and (
            getattr(permission, "authenticated_users_only", True) or not reads
        )
    operands = [getattr(permission, name, None) for name in ("op1_class", "op2_class")]
    refusals = (_refuses_anonymous(each, reads=reads) for each in operands)
    match getattr(getattr(permission, "operator_class", None), "__name__", None):
        case "AND":
            return any(refusals)
        case "OR":
            return all(refusals)
    return False


def _is_of_drf(method: Any) -> bool:
    return getattr(method, "__module__", None) == "rest_framework.permissions"


def _describe_class(
    authentication: type[Any], transports: Sequence[str], bare: str | None
) -> Iterator[SecurityScheme]:
    if issubclass(authentication, SessionAuthentication):
        cookie = settings.SESSION_COOKIE_NAME
        yield SecurityScheme(
            "session",
            "session",
            "cookie",
            "The session cookie of somebody who is logged in on the site.",
            parameter=cookie,
        )
    elif issubclass(authentication, BasicAuthentication):
        if "header" in transports:
            yield SecurityScheme(
                "basic", "basic", "header", "User name and password.", "Authorization", "Basic"
            )
    elif scheme := _get_token_scheme(authentication):
        yield from _describe_token(authentication, scheme, transports, needs_scheme=scheme != bare)
    else:
        yield _describe_custom(authentication)


def _describe_custom(cls: type[Any]) -> SecurityScheme:
    name = cls.__name__
    text = inspect.cleandoc(cls.__doc__ or "").strip()
    if cls.__doc__ == ChanxWebsocketAuthenticator.__doc__:
        text = ""
    return SecurityScheme(
        name, "custom", None, text or f"A way of this site's own: {name}.", parameter=name
    )


def _describe_token(
    authentication: type[Any], scheme: str, transports: Sequence[str], *, needs_scheme: bool
) -> Iterator[SecurityScheme]:
    is_jwt = "jwt" in f"{authentication.__module__}.{authentication.__name__}".lower()
    noun = "JSON Web Token" if is_jwt else "token"
    name = "jwt" if is_jwt else scheme.lower()
    behind = f'behind the word "{scheme}" and a space'
    text = f"{noun} {behind}," if needs_scheme else noun
    places: dict[str, tuple[str, str | None, str]] = {
        "header": (
            name,
            "Authorization",
            f"A {noun} in the Authorization header, {behind}.",
        ),
        "subprotocol": (
            f"{name}_subprotocol",
            "Sec-WebSocket-Protocol",
            f'A {text} as a subprotocol, which browsers can send: "{BEARER_PREFIX}" and the '
            'base64url of that without padding, offered beside "chanx".',
        ),
        "query": (
            f"{name}_query",
            "token",
            f"A {text} in the query string, which servers and proxies log.",
        ),
        "message": (
            f"{name}_message",
            None,
            f'A {text} in the first message, whose action is "authenticate".',
        ),
    }
    for location, (key, parameter, told) in places.items():
        if location in transports:
            yield SecurityScheme(
                key,
                "token",
                location,  # type: ignore[arg-type]  # the keys above
                told,
                parameter,
                scheme,
                is_jwt,
                needs_scheme=needs_scheme and location != "header",
            )


def _get_token_scheme(authentication: type[Any]) -> str | None:
    """Return the word before a token, of a class that takes tokens and says so."""
    try:
        authenticator = authentication()
        keyword = getattr(authenticator, "keyword", None)
        if isinstance(keyword, str) and keyword:
            return keyword
        challenge: Any = authenticator.authenticate_header(Request(HttpRequest()))
    except Exception:  # of the user's own code, which may want a request of another kind
        return None
    word = challenge.split(None, 1)[0] if isinstance(challenge, str) and challenge.strip() else ""
    return word if word.lower() in _TOKEN_WORDS else None
