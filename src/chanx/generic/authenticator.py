"""DRF's authentication, permissions, throttles and object lookup, over the scope of a socket."""

import asyncio
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.client import responses
from typing import Any, Final, Protocol, cast

from django.contrib.auth import SESSION_KEY
from django.db.models import QuerySet
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.encoders import JSONEncoder

from chanx.generic.failures import AuthenticationTooLate, log_failure
from chanx.generic.handshake_view import (
    HandshakeView,
    Step,
    get_permissions_with_object_check,
    has_queryset,
    is_queryset,
)
from chanx.integrations.expiry import read_expiry
from chanx.integrations.request import make_fresh_scope
from chanx.integrations.thread_call import call_in_thread
from chanx.log import get_logger

__all__ = [
    "AuthenticationResult",
    "AuthenticationTooLate",
    "ChanxWebsocketAuthenticator",
    "ObjectSource",
    "refuse_other_user",
]

_DEADLINE: Final = 15.0
"""Seconds for authentication and permissions together, the wait for a thread included."""

_ATTEMPT: Final = "chanx.authentication"
"""Where a scope says that it is of a re-check or a renewal."""

_HEADERS: Final = ("WWW-Authenticate", "Retry-After")


@dataclass
class AuthenticationResult:
    """How authentication ended, in the terms of an HTTP response.

    ``data`` is what the client is told; ``user`` and ``obj`` are set on success. ``headers`` are
    those of DRF's response: a challenge, or when to try again. ``refused_by`` is the step that
    refused the client; None on success and for a failure of ours.
    """

    is_authenticated: bool
    status_code: int
    status_text: str
    data: Any = field(default_factory=dict)
    user: Any = None
    obj: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    refused_by: Step | None = None


class ObjectSource(Protocol):
    """A QuerySet or a Manager."""

    def all(self) -> "QuerySet[Any]":
        """Return a new queryset."""
        ...


class _Attempt:
    """A re-check or a renewal, where it stands in a scope."""

    def __init__(self, token: str | None, *, is_renewal: bool) -> None:
        self.token = token
        """Instead of that of the handshake."""
        self.is_renewal = is_renewal
        self.view: HandshakeView | None = None
        """Set by ``check``; a subclass may have refused the client after it."""


class ChanxWebsocketAuthenticator:
    """Authenticates one connection. The attributes are the consumer's, which sets them.

    A subclass may override any method; ``authenticate`` must not raise. Whoever overrides
    ``authenticate`` decides about re-checks and renewals as well: they call it, with a scope of
    their own, and what is unexpected is raised through it then.
    """

    authentication_classes: Sequence[Any] | None = None
    permission_classes: Sequence[Any] | None = None
    throttle_classes: Sequence[Any] | None = None
    queryset: ObjectSource | bool | None = True
    lookup_field: str = "pk"
    lookup_url_kwarg: str | None = None
    auth_method: str = "get"
    token_transports: Sequence[str] | None = None
    """Where a token may come from; None: the setting TOKEN_TRANSPORTS."""

    has_token = False
    """The handshake had a token, be it right or wrong."""
    expires_at: float | None = None
    """When the token ends, in seconds since the epoch; None: never, or not known."""
    needs_rechecks = False
    """What let the client in may change: a user was found, or permissions or an object looked up
    that may ask a database."""

    _request: Request | None = None
    _make_request: Callable[[], Request] | None = None
    """What makes the request when somebody asks for it; None: it is made, or there is none."""
    _user: Any = None
    """Who is in; None before that."""
    _token: str | None = None
    """The token of the last renewal; None: that of the handshake."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "authenticate" in vars(cls) and "needs_rechecks" not in vars(cls):
            # What it looks at is not known; ``check``, if it calls that, says more.
            cls.needs_rechecks = True

    @property
    def request(self) -> Request | None:
        """That of the last handshake, or of the last renewal that succeeded; None before."""
        if self._make_request is not None:
            self.request = self._make_request()
        return self._request

    @request.setter
    def request(self, request: Request | None) -> None:
        self._request, self._make_request = request, None

    # --- for the consumer -----------------------------------------------------------------------

    async def authenticate(self, scope: Mapping[str, Any]) -> AuthenticationResult:
        """Run DRF's checks for a scope, in one trip to a thread, or in none when nothing waits.

        Never raises for a handshake: what is unexpected is logged and becomes a 500.
        """
        if _ATTEMPT in scope:
            return await self.check(scope)
        try:
            return await self.check(scope)
        except Exception as error:
            log_failure(get_logger(), error)
            return AuthenticationResult(
                False, 500, "Internal Server Error", {"detail": "Internal server error"}
            )

    async def check(self, scope: Mapping[str, Any]) -> AuthenticationResult:
        """Do what ``authenticate`` does, and raise what is unexpected.

        Raises AuthenticationTooLate, a TimeoutError, at the deadline.
        """
        attempt: _Attempt | None = scope.get(_ATTEMPT)
        view = self._make_view(attempt)
        if attempt:
            attempt.view = view
        elif view.asks_nobody and self._has_default_expiry():
            # Most of the time that it would take goes into a request that few look at.
            view.let_in()
            self._make_request = partial(_make_request, view, scope)
            self._keep(view)
            return _make_result(view)
        if view.has_async_start or view.needs_thread():
            await _run_within_deadline(view, scope)
        else:
            view.run_checks(scope)
        if not attempt:
            self.request, self.has_token = view.request, view.has_token
            if view.has_passed:
                self._keep(view)
        return _make_result(view)

    async def recheck(
        self, scope: Mapping[str, Any], *, without_session: bool = False
    ) -> AuthenticationResult:
        """Ask anew whether who is in may stay: authentication, permissions and object.

        No throttles. Session and user are loaded anew; the token is that of the handshake or of the
        last renewal. ``without_session``: the session counts as ended. Changes ``expires_at`` on
        success, and nothing else.

        Raises what is unexpected: errors of the database, AuthenticationTooLate (a TimeoutError).
        """
        while True:
            # After a renewal it is the token alone that decides, as it was then.
            attempt = _Attempt(self._token, is_renewal=False)
            is_renewed = attempt.token is not None
            fresh = make_fresh_scope(
                scope, without_session=without_session or is_renewed, without_user=is_renewed
            )
            result = await self._attempt(fresh, attempt)
            if attempt.token != self._token:
                continue  # renewed meanwhile, and what that replaced decides nothing any more
            if result.is_authenticated and attempt.view:
                self.expires_at = attempt.view.expires_at
            return result

    async def renew(self, scope: Mapping[str, Any], token: str) -> AuthenticationResult:
        """Authenticate with a new token, in the place of what the client came with.

        The session counts as ended, and a user that the site's own middleware has put into the
        scope does not count, so that it is the token which decides. Throttles count it. On
        success ``request`` and ``expires_at`` are the new ones, and re-checks use the token from
        then on. Who is in already must be the same user: another one is refused, and in the words
        with which a wrong token is.

        Raises what is unexpected, as ``recheck``.
        """
        attempt = _Attempt(token, is_renewal=True)
        fresh = make_fresh_scope(scope, without_session=True, without_user=True)
        result = await self._attempt(fresh, attempt)
        if not result.is_authenticated:
            if result.refused_by == "anonymous":
                result.refused_by = "authentication"  # no class knows what to do with the token
            if self._knows_other_user(attempt.view):
                return refuse_other_user()  # whose rights are of no concern here
            return result
        if self._user is not None and not _is_same(self._user, result.user):
            return refuse_other_user()
        if attempt.view:
            self._token, self.request = token, attempt.view.request
            self._keep(attempt.view)
        return result

    def get_queryset(self, request: Request) -> Any:
        """Override to choose where the object is looked up by who asks.

        Called in a thread, so it may query. ``request.user`` is there. Not called when ``queryset``
        is True or None, unless it is overridden.
        """
        queryset: Any = self.queryset
        return queryset.all() if is_queryset(queryset) else queryset

    def get_expiry(self, request: Request) -> float | None:
        """Override to tell when the client's token ends, in seconds since the epoch; None: never.

        Called where the other checks are made: in a thread, unless none of them needs one. The
        default knows the tokens of simplejwt, PyJWT, knox and the OAuth toolkit.
        """
        auth: Any = request.auth
        return None if auth is None else read_expiry(auth)

    def looks_up_object(self) -> bool:
        """Tell whether there is a queryset: the attribute, or an override of ``get_queryset``."""
        method: Any = self.get_queryset
        default = ChanxWebsocketAuthenticator.get_queryset
        return has_queryset(self.queryset) or getattr(method, "__func__", method) is not default

    def validate_configuration(self) -> None:
        """Warn when a permission class checks objects and there is no queryset to find one with."""
        if self.looks_up_object():
            return
        classes = self.permission_classes
        if classes is None:
            classes = api_settings.DEFAULT_PERMISSION_CLASSES
        if not isinstance(classes, list | tuple):
            return  # a mistake of another kind, which the system check names
        for permission in get_permissions_with_object_check(classes):
            warnings.warn(
                f"{permission.__name__} may require object access: it defines "
                "has_object_permission(), which is called only when 'queryset' is set",
                RuntimeWarning,
                stacklevel=2,
            )

    # --- steps ----------------------------------------------------------------------------------

    async def _attempt(self, fresh: Mapping[str, Any], attempt: _Attempt) -> AuthenticationResult:
        if type(self).authenticate is not ChanxWebsocketAuthenticator.authenticate:
            # It may look at the user in the event loop, as it may at a handshake, where Channels'
            # middleware has loaded it.
            await call_in_thread(_load, fresh)
        return await self.authenticate({**fresh, _ATTEMPT: attempt})

    def _make_view(self, attempt: _Attempt | None) -> HandshakeView:
        view = HandshakeView()
        # None means the project's defaults, as they are now and not when DRF was imported.
        view.authentication_classes = _or_default(
            self.authentication_classes, "DEFAULT_AUTHENTICATION_CLASSES"
        )
        view.permission_classes = _or_default(self.permission_classes, "DEFAULT_PERMISSION_CLASSES")
        if attempt and not attempt.is_renewal:
            view.throttle_classes = ()
        else:
            view.throttle_classes = _or_default(self.throttle_classes, "DEFAULT_THROTTLE_CLASSES")
        view.source = self.queryset
        view.find_object = self.get_queryset if self.looks_up_object() else None
        view.get_expiry = self.get_expiry
        view.lookup_field = self.lookup_field
        view.lookup_url_kwarg = self.lookup_url_kwarg
        view.auth_method = self.auth_method
        view.transports = self.token_transports
        view.token = attempt.token if attempt else None
        return view

    def _has_default_expiry(self) -> bool:
        return type(self).get_expiry is ChanxWebsocketAuthenticator.get_expiry

    def _knows_other_user(self, view: HandshakeView | None) -> bool:
        """Tell whether a token that was refused after authentication is somebody else's."""
        if view is None or self._user is None or view.refused_by in (None, "authentication"):
            return False
        return not _is_same(self._user, view.user)

    def _keep(self, view: HandshakeView) -> None:
        """Remember what an attempt that succeeded has found."""
        self._user, self.expires_at = view.user, view.expires_at
        self.needs_rechecks = view.checks_with_io or bool(
            view.authentication_classes and (not view.is_anonymous or view.request.auth is not None)
        )


def _load(scope: Mapping[str, Any]) -> None:
    scope["session"].get(SESSION_KEY)
    getattr(scope["user"], "is_authenticated", None)


def _make_request(view: HandshakeView, scope: Mapping[str, Any]) -> Request:
    view.run_checks(scope)
    return view.request


async def _run_within_deadline(view: HandshakeView, scope: Mapping[str, Any]) -> None:
    """Run the checks, the asynchronous ones first. Raises AuthenticationTooLate."""
    limit = asyncio.timeout(_DEADLINE)
    try:
        async with limit:
            if view.has_async_start:
                view.start(scope)
                await view.authenticate_on_loop()
                if view.refusal is not None:
                    return
            if view.needs_thread():
                await call_in_thread(view.run_checks, scope)
            else:
                view.run_checks(scope)
    except TimeoutError as error:
        if limit.expired():
            raise AuthenticationTooLate(_DEADLINE) from error
        raise


def _make_result(view: HandshakeView) -> AuthenticationResult:
    if view.has_passed:
        data = {"detail": "OK"}
        return AuthenticationResult(True, 200, "OK", data, user=view.user, obj=view.obj)
    response: Response | None = view.refusal
    if response is None:
        raise TypeError("Whoever is refused needs a response")
    # A project's exception handler may answer with anything that DRF renders, and with a status
    # that means success. It decides what the client is told, not who gets in.
    data = json.loads(json.dumps(response.data, cls=JSONEncoder))
    status = response.status_code
    if status < HTTPStatus.BAD_REQUEST:
        status = HTTPStatus.FORBIDDEN.value
    headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    return AuthenticationResult(
        False,
        status,
        responses.get(status, ""),
        data,
        headers=headers,
        refused_by=view.refused_by,
    )


def refuse_other_user() -> AuthenticationResult:
    """Return what is answered to a token of another user, or to one that is wrong."""
    data = {"detail": AuthenticationFailed.default_detail}
    return AuthenticationResult(
        False,
        401,
        "Unauthorized",
        json.loads(json.dumps(data, cls=JSONEncoder)),
        refused_by="authentication",
    )


def _is_same(user: Any, other: Any) -> bool:
    """Tell whether two users are one, by their keys; those without a key must be equal."""
    keys = getattr(user, "pk", None), getattr(other, "pk", None)
    return bool(user == other if keys == (None, None) else str(keys[0]) == str(keys[1]))


def _or_default(classes: Sequence[Any] | None, setting: str) -> Sequence[Any]:
    return cast("Sequence[Any]", getattr(api_settings, setting)) if classes is None else classes
