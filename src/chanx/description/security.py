"""How clients prove who they are, read from DRF's authentication classes."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.permissions import (
    DjangoModelPermissions,
    IsAdminUser,
    IsAuthenticated,
)
from rest_framework.request import Request

from chanx.integrations.credentials import BEARER_PREFIX

__all__ = ["SecurityScheme", "describe_security", "needs_login"]

_TOKEN_WORDS: Final = frozenset({"bearer", "jwt", "token"})
_LOGIN_PERMISSIONS: Final = (IsAuthenticated, IsAdminUser, DjangoModelPermissions)


@dataclass(frozen=True, slots=True)
class SecurityScheme:
    """One way of proving who one is.

    ``kind``: "custom" is a class of which nothing is known but its docstring. ``location``: where
    the proof stands; None: not known. ``parameter``: the name of the cookie, header or query
    parameter. ``scheme``: the word before a token in an Authorization header.
    """

    name: str
    kind: Literal["session", "basic", "token", "custom"]
    location: Literal["cookie", "header", "subprotocol", "query", "message"] | None
    description: str
    parameter: str | None = None
    scheme: str | None = None
    is_jwt: bool = False


def describe_security(
    classes: Iterable[Any], transports: Sequence[str]
) -> tuple[SecurityScheme, ...]:
    """Return the ways in, in the order of the classes; any one of them is enough.

    ``transports``: where a token may come from, as in the setting TOKEN_TRANSPORTS.
    """
    found = (scheme for each in classes for scheme in _describe_class(each, transports))
    return tuple(dict.fromkeys(found))


def needs_login(permission_classes: Iterable[Any]) -> bool:
    """Tell whether a permission class is known to refuse anonymous users.

    False: they may get in, or a class decides of which that is not known.
    """
    return any(_refuses_anonymous(permission) for permission in permission_classes)


def _refuses_anonymous(permission: Any) -> bool:
    if isinstance(permission, type):
        # DjangoModelPermissionsOrAnonReadOnly is a subclass that lets them in.
        return issubclass(permission, _LOGIN_PERMISSIONS) and getattr(
            permission, "authenticated_users_only", True
        )
    operands = [getattr(permission, name, None) for name in ("op1_class", "op2_class")]
    match getattr(getattr(permission, "operator_class", None), "__name__", None):
        case "AND":
            return any(map(_refuses_anonymous, operands))
        case "OR":
            return all(map(_refuses_anonymous, operands))
    return False


def _describe_class(authentication: Any, transports: Sequence[str]) -> Iterator[SecurityScheme]:
    if not isinstance(authentication, type):
        return
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
        yield from _describe_token(authentication, scheme, transports)
    else:
        text = inspect.cleandoc(authentication.__doc__ or "").strip()
        name = authentication.__name__
        yield SecurityScheme(
            name, "custom", None, text or f"A way of this site's own: {name}.", parameter=name
        )


def _describe_token(
    authentication: type[Any], scheme: str, transports: Sequence[str]
) -> Iterator[SecurityScheme]:
    is_jwt = "jwt" in f"{authentication.__module__}.{authentication.__name__}".lower()
    noun = "JSON Web Token" if is_jwt else "token"
    name = "jwt" if is_jwt else scheme.lower()
    if "header" in transports:
        text = f'A {noun} in the Authorization header, behind the word "{scheme}" and a space.'
        yield SecurityScheme(name, "token", "header", text, "Authorization", scheme, is_jwt)
    if "subprotocol" in transports:
        text = (
            f'A {noun} as a subprotocol, which browsers can send: "{BEARER_PREFIX}" and the '
            'base64url of the token without padding, offered beside "chanx".'
        )
        yield SecurityScheme(
            f"{name}_subprotocol",
            "token",
            "subprotocol",
            text,
            "Sec-WebSocket-Protocol",
            scheme,
            is_jwt,
        )
    if "query" in transports:
        text = f"A {noun} in the query string, which servers and proxies log."
        yield SecurityScheme(f"{name}_query", "token", "query", text, "token", scheme, is_jwt)
    if "message" in transports:
        text = f'A {noun} in the first message, whose action is "authenticate".'
        yield SecurityScheme(f"{name}_message", "token", "message", text, None, scheme, is_jwt)


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
