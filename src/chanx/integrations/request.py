"""The Django request that authentication and permission classes get to see."""

from collections.abc import Mapping
from importlib import import_module
from io import BytesIO
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.utils.functional import SimpleLazyObject

__all__ = ["make_request"]

_HTTP_SCHEMES: Final = {"ws": "http", "wss": "https"}


def make_request(scope: Mapping[str, Any], method: str) -> ASGIRequest:
    """Return a request with the handshake's path, headers, cookies, query string and addresses.

    ``session`` and ``user`` are those that Channels' middleware put into the scope; without it they
    are read from the session cookie when somebody asks for them.
    """
    request = ASGIRequest(
        {
            "headers": [],
            "query_string": b"",
            **scope,
            "type": "http",
            "method": method.upper(),
            "scheme": _HTTP_SCHEMES.get(scope.get("scheme", "ws"), "http"),
        },
        BytesIO(),
    )
    # Not "or": asking a lazy session or user for its truth would load it, here and now.
    session: Any = SimpleLazyObject(lambda: _load_session(request))
    user: Any = SimpleLazyObject(lambda: get_user(request))
    request.session = scope.get("session", session)
    request.user = scope.get("user", user)
    return request


def _load_session(request: ASGIRequest) -> Any:
    engine = import_module(settings.SESSION_ENGINE)
    return engine.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
