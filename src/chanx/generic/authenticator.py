"""DRF's authentication, permissions, throttles and object lookup, over the scope of a socket."""

import asyncio
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.client import responses
from typing import Any, Final, Protocol, cast

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.db.models.manager import BaseManager
from django.http import HttpRequest
from rest_framework import permissions
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.encoders import JSONEncoder

from chanx.generic.failures import log_failure
from chanx.integrations.database import call_with_fresh_connections
from chanx.integrations.lanes import is_on_lane
from chanx.integrations.request import make_request
from chanx.log import get_logger

__all__ = [
    "AUTH_METHODS",
    "AuthenticationResult",
    "ChanxWebsocketAuthenticator",
    "ObjectSource",
    "get_permissions_with_object_check",
    "has_queryset",
    "is_queryset",
]

AUTH_METHODS: Final = ("get", "post", "put", "patch", "delete", "options", "head")

_DEADLINE: Final = 15.0
"""Seconds for authentication and permissions together, the wait for a thread included."""

# They look at the user and the method, and at nothing for which a thread would be needed.
_PERMISSIONS_WITHOUT_IO: Final = frozenset(
    {
        permissions.AllowAny,
        permissions.IsAuthenticated,
        permissions.IsAdminUser,
        permissions.IsAuthenticatedOrReadOnly,
    }
)


@dataclass
class AuthenticationResult:
    """How authentication ended, in the terms of an HTTP response.

    ``data`` is what the client is told; ``user`` and ``obj`` are set on success. ``headers`` are
    those of DRF's response: a challenge, or when to try again.
    """

    is_authenticated: bool
    status_code: int
    status_text: str
    data: Any = field(default_factory=dict)
    user: Any = None
    obj: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class ObjectSource(Protocol):
    """A QuerySet or a Manager."""

    def all(self) -> "QuerySet[Any]":
        """Return a new queryset."""
        ...


class ChanxWebsocketAuthenticator:
    """Authenticates one connection. The attributes are the consumer's, which sets them.

    A subclass may override any method; ``authenticate`` must not raise.
    """

    authentication_classes: Sequence[Any] | None = None
    permission_classes: Sequence[Any] | None = None
    throttle_classes: Sequence[Any] | None = None
    queryset: ObjectSource | bool | None = True
    lookup_field: str = "pk"
    lookup_url_kwarg: str | None = None
    auth_method: str = "get"

    request: Request | None = None

    async def authenticate(self, scope: Mapping[str, Any]) -> AuthenticationResult:
        """Run DRF's checks for a scope, in one trip to a thread, or in none when nothing waits.

        Never raises: what is unexpected is logged and becomes a 500.
        """
        try:
            view = self._make_view()
            if self._needs_thread(view):
                response = await _run_in_thread(self._perform, view, scope)
            else:
                response = self._perform(view, scope)
            return self._make_result(view, response)
        except Exception as error:
            if isinstance(error, _TooLate):
                get_logger().error("Authentication took too long", seconds=_DEADLINE)
            else:
                log_failure(get_logger(), error)
            return AuthenticationResult(
                False, 500, "Internal Server Error", {"detail": "Internal server error"}
            )

    async def renew(self, scope: Mapping[str, Any], token: str) -> AuthenticationResult:
        """Run the checks for a token in the place of what came with the handshake."""
        from django.contrib.auth.models import AnonymousUser

        view = self._make_view()
        keywords = (getattr(each, "keyword", None) for each in view.authentication_classes)
        scheme = next(filter(None, keywords), "Bearer")
        value = token if " " in token else f"{scheme} {token}"
        left = [header for header in scope["headers"] if header[0] != b"authorization"]
        headers = [*left, (b"authorization", value.encode())]
        fresh = {**scope, "headers": headers, "user": AnonymousUser(), "session": {}}
        response = await _run_in_thread(self._perform, view, fresh)
        return self._make_result(view, response)

    def validate_configuration(self) -> None:
        """Warn when a permission class checks objects and there is no queryset to find one with."""
        if has_queryset(self.queryset):
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

    def _make_view(self) -> "_HandshakeView":
        view = _HandshakeView()
        # None means the project's defaults, as they are now and not when DRF was imported.
        view.authentication_classes = _or_default(
            self.authentication_classes, "DEFAULT_AUTHENTICATION_CLASSES"
        )
        view.permission_classes = _or_default(self.permission_classes, "DEFAULT_PERMISSION_CLASSES")
        view.throttle_classes = _or_default(self.throttle_classes, "DEFAULT_THROTTLE_CLASSES")
        view.source = self.queryset
        view.lookup_field = self.lookup_field
        view.lookup_url_kwarg = self.lookup_url_kwarg
        return view

    def _needs_thread(self, view: "_HandshakeView") -> bool:
        return bool(
            view.authentication_classes
            or view.throttle_classes
            or has_queryset(view.source)
            or any(
                permission not in _PERMISSIONS_WITHOUT_IO for permission in view.permission_classes
            )
        )

    def _perform(self, view: "_HandshakeView", scope: Mapping[str, Any]) -> Response | None:
        url_route = scope.get("url_route", {})
        args, kwargs = url_route.get("args", ()), url_route.get("kwargs", {})
        request: Any = make_request(scope, self.auth_method)
        # DRF enforces Django's CSRF token for session users on unsafe methods. A handshake has no
        # place for the token; which sites may open sockets is for an origin check to say.
        request._dont_enforce_csrf_checks = True
        view.setup(request, *args, **kwargs)
        response = view.perform(request)
        # A class may return a lazy user: loaded here, where the database may be asked.
        getattr(view.request.user, "is_authenticated", None)
        return response

    def _make_result(
        self, view: "_HandshakeView", response: Response | None
    ) -> AuthenticationResult:
        self.request = view.request
        if not view.has_passed:
            if response is None:
                raise TypeError("Whoever is refused needs a response")
            # A project's exception handler may answer with anything that DRF renders, and with a
            # status that means success. It decides what the client is told, not who gets in.
            data = json.loads(json.dumps(response.data, cls=JSONEncoder))
            status = response.status_code
            if status < HTTPStatus.BAD_REQUEST:
                status = HTTPStatus.FORBIDDEN.value
            return AuthenticationResult(False, status, responses.get(status, ""), data)
        # Imported here: the module with the models cannot be imported before Django is set up.
        from django.contrib.auth.models import AnonymousUser

        user: Any = view.request.user
        user = AnonymousUser() if user is None else user
        return AuthenticationResult(True, 200, "OK", {"detail": "OK"}, user=user, obj=view.obj)


class _HandshakeView(GenericAPIView[Any]):
    """The view that authentication, permission and throttle classes get to see.

    ``perform`` does what DRF's ``dispatch`` does up to the handler of a method, and leaves out what
    makes an HTTP response: negotiation, versioning, headers, rendering.
    """

    filter_backends = ()
    source: Any = None
    """The consumer's ``queryset``."""
    obj: Any = None
    has_passed = False
    """All checks have passed: set at the one place where they have."""
    format_kwarg = None

    def perform(self, request: HttpRequest) -> Response | None:
        """Return None when all checks have passed, and else what DRF would answer."""
        self.request = self.initialize_request(request, *self.args, **self.kwargs)
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        self.request.version = self.request.versioning_scheme = None
        self.headers = {}
        try:
            self.perform_authentication(self.request)
            self.check_permissions(self.request)
            self.check_throttles(self.request)
            if str(request.method).lower() not in AUTH_METHODS:
                raise MethodNotAllowed(str(request.method))
            if has_queryset(self.source):
                self.obj = self.get_object()
            self.has_passed = True
        except Exception as error:
            return self.handle_exception(error)
        return None

    def _handle(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response()  # never called: the methods are there to be looked at

    get = post = put = patch = delete = head = _handle
    options: Any = _handle

    def get_queryset(self) -> "QuerySet[Any]":
        if not is_queryset(self.source):
            raise TypeError(f"'queryset' must be a QuerySet or a Manager, not {self.source!r}")
        # A new one: a queryset on a class would keep its first result.
        return cast("QuerySet[Any]", self.source.all())


def has_queryset(queryset: Any) -> bool:
    """Tell whether an object is to be looked up.

    Anything but True and None is taken for a yes: if it is no queryset, the lookup fails, and
    nobody gets in.
    """
    return queryset is not True and queryset is not None


def is_queryset(queryset: Any) -> bool:
    """Tell whether objects can be looked up in it."""
    return isinstance(queryset, QuerySet | BaseManager)


def get_permissions_with_object_check(classes: Iterable[Any]) -> list[type[Any]]:
    """Return the permission classes that have an object check of their own, operands included."""
    found: list[type[Any]] = []
    for permission in classes:
        operands = [getattr(permission, name, None) for name in ("op1_class", "op2_class")]
        if any(operands):
            found += get_permissions_with_object_check(filter(None, operands))
        elif isinstance(permission, type):
            inherited = permissions.BasePermission.has_object_permission
            if getattr(permission, "has_object_permission", inherited) is not inherited:
                found.append(permission)
    return found


def _or_default(classes: Sequence[Any] | None, setting: str) -> Sequence[Any]:
    return cast("Sequence[Any]", getattr(api_settings, setting)) if classes is None else classes


async def _run_in_thread(function: Any, *args: Any) -> Response | None:
    """Call a function on the connection's lane, and give up waiting at the deadline.

    Without a lane (see ``integrations.lanes``) in asgiref's thread, or the one that a test has.
    The task is waited for, not awaited: cancelling a call that runs in a thread waits for its end.
    """
    if not is_on_lane():
        function = partial(call_with_fresh_connections, function)
    task = asyncio.ensure_future(sync_to_async(function)(*args))
    _running.add(task)
    task.add_done_callback(_forget)
    done = None
    try:
        done, _ = await asyncio.wait({task}, timeout=_DEADLINE)
    finally:
        if not done:
            # A call that has not begun by now, for a client that is gone say, is not made.
            task.cancel()
    if not done:
        raise _TooLate
    return cast("Response | None", task.result())


class _TooLate(Exception):
    """Authentication was not done at its deadline."""


_running: set[asyncio.Future[Any]] = set()


def _forget(task: asyncio.Future[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # seen; the one who gave up waiting has said so
