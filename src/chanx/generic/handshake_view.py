"""The view of Django REST framework that a handshake is to its classes."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final, Literal, NamedTuple, cast

from asgiref.sync import async_to_sync
from django.db.models import QuerySet
from django.db.models.manager import BaseManager
from django.utils.functional import LazyObject
from rest_framework import permissions
from rest_framework.exceptions import (
    AuthenticationFailed,
    MethodNotAllowed,
    NotAuthenticated,
    PermissionDenied,
)
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from chanx.integrations.credentials import (
    Credentials,
    find_credentials,
    may_have_token,
    replace_credentials,
)
from chanx.integrations.request import make_anonymous_user, make_request
from chanx.settings import chanx_settings

__all__ = [
    "AUTH_METHODS",
    "HandshakeView",
    "Step",
    "find_async_permissions",
    "get_permissions_with_object_check",
    "has_queryset",
    "is_async_authentication",
    "is_queryset",
]

AUTH_METHODS: Final = ("get", "post", "put", "patch", "delete", "options", "head")

Step = Literal["anonymous", "authentication", "permission", "throttle", "object"]
"""What a client was refused by. "anonymous": nothing was wrong with its credentials, for it had
none, and the permissions want somebody."""

_RENDERER: Final = JSONRenderer()

_ASYNC_PERMISSION: Final = (
    "{0.__name__} has an async permission method, whose coroutine would pass for a yes: make it "
    "synchronous, it runs in a thread and may query"
)

# They look at the user and the method, and at nothing for which a thread would be needed.
_PERMISSIONS_WITHOUT_IO: Final = frozenset(
    {
        permissions.AllowAny,
        permissions.IsAuthenticated,
        permissions.IsAdminUser,
        permissions.IsAuthenticatedOrReadOnly,
    }
)


_ALLOW_ANY: Final = frozenset({permissions.AllowAny})


class HandshakeView(GenericAPIView[Any]):
    """The view that authentication, permission and throttle classes get to see.

    ``run_checks`` does what DRF's ``dispatch`` does up to the handler of a method, and leaves out
    what makes an HTTP response: negotiation, versioning, headers, rendering.
    """

    filter_backends = ()
    parser_classes = ()  # a handshake has no body
    format_kwarg = None
    user: Any = None
    """Who it is, once that is known; AnonymousUser for nobody."""
    is_anonymous = True
    obj: Any = None
    has_passed = False
    """All checks have passed: set at the one place where they have."""
    refused_by: Step | None = None
    refusal: Any = None
    """What DRF would answer to who is refused."""
    has_token = False
    find_object: Callable[[Request], Any] | None = None
    """Returns what to look up the object in; None: there is no object."""
    source: Any = None
    """The consumer's ``queryset``, for permission classes that ask the view for it."""
    auth_method = "get"
    transports: Sequence[str] | None = None
    token: str | None = None
    """Instead of that of the handshake."""
    get_expiry: Callable[[Request], float | None]
    expires_at: float | None = None
    _problem: str | None = None
    _is_started = False

    # --- what the checks need -------------------------------------------------------------------

    @property
    def has_async_start(self) -> bool:
        """The first authentication class is to be awaited."""
        classes = self.authentication_classes
        return bool(classes) and is_async_authentication(classes[0])

    @property
    def checks_with_io(self) -> bool:
        """What is checked after authentication may ask a database."""
        return self.find_object is not None or _look_at(*self.permission_classes).have_io

    def needs_thread(self) -> bool:
        """Tell whether ``run_checks`` may have to wait for something."""
        if self.throttle_classes or self.checks_with_io:
            return True
        if self._is_started and hasattr(self.request, "_user"):
            return isinstance(self.request.user, LazyObject)
        return bool(self.authentication_classes)

    @property
    def asks_nobody(self) -> bool:
        """Everybody gets in, whoever it is: not even a request is needed to find that out."""
        return (
            not self.authentication_classes
            and not self.throttle_classes
            and self.find_object is None
            and _ALLOW_ANY.issuperset(self.permission_classes)
            and self.auth_method in AUTH_METHODS
        )

    # --- steps ----------------------------------------------------------------------------------

    def let_in(self) -> None:
        """Do what ``run_checks`` comes to where nobody is asked, but for the request."""
        self.user = _get_anonymous_user()
        self.has_passed = True

    def start(self, scope: Mapping[str, Any]) -> None:
        """Make the request. Raises TypeError for permissions that cannot be asked."""
        if asynchronous := _look_at(*self.permission_classes).asynchronous:
            raise TypeError(_ASYNC_PERMISSION.format(asynchronous))
        url_route = scope.get("url_route", {})
        self.args, self.kwargs = url_route.get("args", ()), url_route.get("kwargs", {})
        self.headers = {}
        credentials = self._find_credentials(scope)
        self.has_token, self._problem = credentials.has_token, credentials.problem
        request: Any = make_request(credentials.scope, self.auth_method)
        # DRF enforces Django's CSRF token for session users on unsafe methods. A handshake has no
        # place for the token; which sites may open sockets is for an origin check to say.
        request._dont_enforce_csrf_checks = True
        self.request = self.initialize_request(request, *self.args, **self.kwargs)
        self.request.accepted_renderer = _RENDERER
        self.request.accepted_media_type = JSONRenderer.media_type
        self.request.version = self.request.versioning_scheme = None
        self._is_started = True

    def get_token_scheme(self, scope: Mapping[str, Any]) -> str:
        """Return the scheme of the first authentication class that names one for tokens."""
        request: Any = None
        for authenticator in self.get_authenticators():
            keyword = getattr(authenticator, "keyword", None)
            if isinstance(keyword, str) and keyword:
                return keyword
            if request is None:
                request = Request(make_request(scope, self.auth_method))
            challenge = authenticator.authenticate_header(request)
            words = challenge.split(None, 1) if isinstance(challenge, str) else []
            if words and words[0].lower() not in ("basic", "digest"):
                return str(words[0])
        return "Bearer"

    async def authenticate_on_loop(self) -> None:
        """Ask the asynchronous authentication classes that come before all others."""
        request: Any = self.request
        authenticators = request.authenticators
        left = list(authenticators)
        try:
            self._check_token()
            while left and is_async_authentication(type(left[0])):
                authenticator = left.pop(0)
                pair = await _get_async_method(authenticator)(request)
                if pair is not None:
                    request._authenticator = authenticator
                    request.user, request.auth = pair
                    return
            if left:
                request.authenticators = left
            else:
                request._not_authenticated()
        except Exception as error:
            self._refuse(error, "authentication")

    def run_checks(self, scope: Mapping[str, Any]) -> None:
        """Authenticate, unless that is done, and ask permissions, throttles and for the object."""
        step: Step = "authentication"
        if not self._is_started:
            self.start(scope)
        try:
            self._check_token()
            _make_callable_in_thread(self.request.authenticators or ())
            self.perform_authentication(self.request)
            self._load_user()
            step = "permission"
            self.check_permissions(self.request)
            step = "throttle"
            self.check_throttles(self.request)
            if str(self.request.method).lower() not in AUTH_METHODS:
                raise MethodNotAllowed(str(self.request.method))
            step = "object"
            if self.find_object:
                self.obj = self.get_object()
            self.expires_at = self.get_expiry(self.request)
            self.has_passed = True
        except Exception as error:
            self._refuse(error, step)

    def _load_user(self) -> None:
        user: Any = self.request.user
        if user is None:  # DRF can be told to have this for nobody
            user = make_anonymous_user()
        # A class may return a lazy user: loaded here, where the database may be asked.
        self.is_anonymous = not getattr(user, "is_authenticated", False)
        self.user = user

    def _find_credentials(self, scope: Mapping[str, Any]) -> Credentials:
        if self.token is None and not may_have_token(scope):
            return Credentials(scope, has_token=False)
        transports = self.transports
        if transports is None:
            transports = chanx_settings.TOKEN_TRANSPORTS
        if self.token is not None:
            return replace_credentials(scope, transports, self.token, self.get_token_scheme)
        return find_credentials(scope, transports, self.get_token_scheme)

    def _check_token(self) -> None:
        # Where no class authenticates, nobody looks at a token, and a wrong one harms nobody.
        if self._problem and self.authentication_classes:
            request: Any = self.request
            request._not_authenticated()
            raise AuthenticationFailed(self._problem)

    def _refuse(self, error: Exception, step: Step) -> None:
        """Take DRF's answer to an exception. Raises what DRF has no answer to."""
        # First: DRF turns these into a 403 when the first class has no challenge.
        if isinstance(error, NotAuthenticated) and step != "authentication":
            step = "anonymous"
        elif isinstance(error, PermissionDenied) and step == "object":
            step = "permission"
        self.refused_by = step
        self.refusal = self.handle_exception(error)

    # --- as DRF calls them ----------------------------------------------------------------------

    def check_permissions(self, request: Request) -> None:
        """Raise what DRF raises for the first permission that says no."""
        for permission in self.get_permissions():
            if not _decide(permission.has_permission(request, self), permission):
                self._deny(request, permission)

    def check_object_permissions(self, request: Request, obj: Any) -> None:
        """Raise what DRF raises for the first permission that says no to the object."""
        for permission in self.get_permissions():
            if not _decide(permission.has_object_permission(request, self, obj), permission):
                self._deny(request, permission)

    def _deny(self, request: Request, permission: Any) -> None:
        self.permission_denied(
            request,
            message=getattr(permission, "message", None),
            code=getattr(permission, "code", None),
        )

    def _handle(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response()  # never called: the methods are there to be looked at

    get = post = put = patch = delete = head = _handle
    options: Any = _handle

    def get_queryset(self) -> "QuerySet[Any]":
        """Return what the object is looked up in. Raises TypeError when that is no queryset."""
        found = self.find_object(self.request) if self.find_object else self.source
        if inspect.iscoroutine(found):
            found.close()
            raise TypeError("get_queryset() must not be async: it runs in a thread and may query")
        if not is_queryset(found):
            raise TypeError(f"'queryset' must be a QuerySet or a Manager, not {found!r}")
        # A new one: a queryset on a class would keep its first result.
        return cast("QuerySet[Any]", found.all())


def _get_anonymous_user() -> Any:
    """Return the user that DRF's request has when no class has authenticated one."""
    make: Any = api_settings.UNAUTHENTICATED_USER
    return make() if make else make_anonymous_user()


# --- classes --------------------------------------------------------------------------------------


def is_async_authentication(authentication: Any) -> bool:
    """Tell whether a class authenticates in a coroutine: ``aauthenticate`` or ``authenticate``."""
    return _get_async_name(authentication) is not None


@lru_cache(maxsize=256)
def _get_async_name(authentication: Any) -> str | None:
    for name in ("aauthenticate", "authenticate"):
        if inspect.iscoroutinefunction(getattr(authentication, name, None)):
            return name
    return None


def _get_async_method(authenticator: Any) -> Any:
    kind: Any = type(authenticator)
    return getattr(authenticator, cast("str", _get_async_name(kind)))


def _make_callable_in_thread(authenticators: Iterable[Any]) -> None:
    """Have DRF, which calls ``authenticate``, wait for those that are asynchronous."""
    for authenticator in authenticators:
        kind: Any = type(authenticator)
        if is_async_authentication(kind):
            # On the instance, which is of this request only.
            authenticator.authenticate = partial(_call, _get_async_method(authenticator))


def _call(method: Any, request: Request) -> Any:
    return async_to_sync(method)(request)


def _decide(answer: Any, permission: Any) -> Any:
    """Return a permission's answer. Raises TypeError for a coroutine, which DRF takes for a yes."""
    if answer is True or not inspect.isawaitable(answer):
        return answer
    if inspect.iscoroutine(answer):
        answer.close()
    raise TypeError(_ASYNC_PERMISSION.format(type(permission)))


class _Looks(NamedTuple):
    """What is seen of permission classes before they are asked."""

    have_io: bool
    """One may have to wait for something, as far as is known."""
    asynchronous: type[Any] | None
    """One that cannot be asked."""


@lru_cache(maxsize=1024)
def _look_at(*classes: Any) -> _Looks:
    have_io = not _PERMISSIONS_WITHOUT_IO.issuperset(classes)
    return _Looks(have_io, next(iter(find_async_permissions(classes)), None))


def find_async_permissions(classes: Iterable[Any]) -> list[type[Any]]:
    """Return the permission classes that have asynchronous methods, operands included."""
    return [
        permission
        for permission in _get_operands(classes)
        if any(
            inspect.iscoroutinefunction(getattr(permission, name, None))
            for name in ("has_permission", "has_object_permission")
        )
    ]


def get_permissions_with_object_check(classes: Iterable[Any]) -> list[type[Any]]:
    """Return the permission classes that have an object check of their own, operands included."""
    inherited = permissions.BasePermission.has_object_permission
    return [
        permission
        for permission in _get_operands(classes)
        if isinstance(permission, type)
        and getattr(permission, "has_object_permission", inherited) is not inherited
    ]


def _get_operands(classes: Iterable[Any]) -> list[Any]:
    """Return the classes, and those that are composed (``&``, ``|``, ``~``) taken apart."""
    found: list[Any] = []
    for permission in classes:
        operands = [getattr(permission, name, None) for name in ("op1_class", "op2_class")]
        found += _get_operands(filter(None, operands)) if any(operands) else [permission]
    return found


def has_queryset(queryset: Any) -> bool:
    """Tell whether an object is to be looked up.

    Anything but True and None is taken for a yes: if it is no queryset, the lookup fails, and
    nobody gets in.
    """
    return queryset is not True and queryset is not None


def is_queryset(queryset: Any) -> bool:
    """Tell whether objects can be looked up in it."""
    return isinstance(queryset, QuerySet | BaseManager)
