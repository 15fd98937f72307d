"""The Django request that authentication and permission classes get to see."""

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from io import BytesIO
from typing import Any, Final, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.sessions.backends.base import SessionBase
from django.core.handlers.asgi import ASGIRequest
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

__all__ = ["make_fresh_scope", "make_request"]

_HTTP_SCHEMES: Final = {"ws": "http", "wss": "https"}


# Two of its attributes are typed as such, and are properties here.
_Request: Any = ASGIRequest


class _HandshakeRequest(_Request):  # type: ignore[misc]  # the base is Any
    """A request whose session and user are read from the cookie when somebody asks for them."""

    @cached_property
    def session(self) -> Any:
        """The session of the cookie, or an empty one."""
        return _open_session(_get_cookie(self))

    @cached_property
    def user(self) -> Any:
        """The user of the session, who is anonymous if it is not valid."""
        return _load_user(self)

    async def auser(self) -> Any:
        """Return the user, as Django's middleware has it for asynchronous views."""

        def load() -> Any:
            getattr(self.user, "is_authenticated", None)
            return self.user

        return await sync_to_async(load)()


def make_request(scope: Mapping[str, Any], method: str) -> ASGIRequest:
    """Return a request with the handshake's path, headers, cookies, query string and addresses.

    ``session`` and ``user`` are those that Channels' middleware put into the scope; without it they
    are read from the session cookie when somebody asks for them.
    """
    query = scope.get("query_string", b"")
    request: ASGIRequest = _HandshakeRequest(
        {
            "headers": [],
            **scope,
            # Django would decode it strictly, and it may hold any bytes.
            "query_string": query.decode(errors="replace") if isinstance(query, bytes) else query,
            "type": "http",
            "method": method.upper(),
            "scheme": _HTTP_SCHEMES.get(scope.get("scheme", "ws"), "http"),
        },
        BytesIO(),
    )
    # Lazy ones are taken as they are: asking one for its truth would load it, here and now.
    if "session" in scope:
        request.session = scope["session"]
    if "user" in scope:
        request.user = scope["user"]
    return request


def make_fresh_scope(
    scope: Mapping[str, Any], *, without_session: bool = False, without_user: bool = False
) -> dict[str, Any]:
    """Return a scope whose session and user are loaded anew, when somebody asks for them.

    A user that is not of the session (a site's own middleware put it into the scope) is looked up
    by its key, and is anonymous if it is gone or inactive. ``without_session``: the session has
    ended, so it is empty, and nobody's. ``without_user``: no such user counts either, so that a
    token decides alone.
    """

    def open_session() -> Any:
        return _open_session(None if without_session else _get_session_key(scope))

    def load_user() -> Any:
        user = None if without_user else scope.get("user")
        if getattr(user, "is_authenticated", False) and not _is_of_session(user, scope):
            return _reload(user)
        return _get_anonymous() if without_session else _load_user(request)

    fresh = {
        **scope,
        "session": SimpleLazyObject(open_session),
        "user": SimpleLazyObject(load_user),
    }
    request = HttpRequest()
    request.session = cast("SessionBase", fresh["session"])
    return fresh


# --- session --------------------------------------------------------------------------------------


def _open_session(key: str | None) -> Any:
    """Return the session with this key, or an empty one. It is loaded when it is looked into."""
    if key and not (key.isascii() and key.isprintable()):
        key = None  # no key of any engine's, and some databases raise for it
    return import_module(settings.SESSION_ENGINE).SessionStore(key)


def _get_cookie(request: HttpRequest) -> str | None:
    return request.COOKIES.get(settings.SESSION_COOKIE_NAME)


def _get_session_key(scope: Mapping[str, Any]) -> str | None:
    """Return the key of the session that the connection is in.

    That of the scope's session, which may have got a new one since the handshake (Channels'
    ``login``), or else the cookie's.
    """
    session = scope.get("session")
    if isinstance(session, SessionBase):
        return session.session_key
    return _get_cookie(make_request(scope, "get"))


def _is_of_session(user: Any, scope: Mapping[str, Any]) -> bool:
    session = scope.get("session")
    if not isinstance(session, SessionBase) or not isinstance(user, Model):
        return False
    return bool(session.get(SESSION_KEY) == user._meta.pk.value_to_string(user))


# --- user -----------------------------------------------------------------------------------------


class _Unchanged:
    """A session as Django's ``get_user`` sees it here: to be read only.

    It would give the session a new key (SECRET_KEY_FALLBACKS) or delete it, and a handshake has no
    response to tell the browser so. The next HTTP request does.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self.get = session.get

    def __getitem__(self, name: str) -> Any:
        return self._session[name]

    def __setitem__(self, name: str, value: Any) -> None:
        pass

    def cycle_key(self) -> None:
        pass

    def flush(self) -> None:
        # What stands in it is nobody's any more (its user has a new password, say), so it is not
        # shown; and not saved either, by Channels' middleware for one.
        was_modified = self._session.modified
        self._session.clear()
        self._session.modified = was_modified


def _load_user(request: HttpRequest) -> Any:
    """Return the user of a request's session, who is anonymous if it is not valid."""
    reader = HttpRequest()
    reader.session = cast("SessionBase", _Unchanged(request.session))
    return get_user(reader)


def _reload(user: Any) -> Any:
    """Return the user as the database has it now; what is no model is not in one."""
    if not isinstance(user, Model):
        return user
    # Its __class__: the type of a lazy one is another.
    found: Any = user.__class__._default_manager.filter(pk=user.pk).first()
    return found if getattr(found, "is_active", found is not None) else _get_anonymous()


def _get_anonymous() -> Any:
    # Imported here: the module with the models cannot be imported before Django is set up.
    from django.contrib.auth.models import AnonymousUser

    return AnonymousUser()
