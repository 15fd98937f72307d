"""Authentication, permissions, throttles and object lookup: DRF's, over a handshake."""

import asyncio
import base64
import threading
import warnings
from collections.abc import Iterator
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.core.cache import cache
from django.test import AsyncClient, override_settings
from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.permissions import (
    AllowAny,
    BasePermission,
    DjangoModelPermissions,
    IsAdminUser,
    IsAuthenticated,
    IsAuthenticatedOrReadOnly,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle, BaseThrottle

from chanx.generic.authenticator import AuthenticationResult, ChanxWebsocketAuthenticator
from chanx.generic.handshake_view import HandshakeView
from chanx.routing import path, re_path
from chanx.testing import WebsocketCommunicator
from tests.app.consumers import HeaderAuthentication, OpenConsumer
from tests.app.models import Room

database = pytest.mark.django_db(transaction=True)
ANN = [(b"x-user", b"ann")]
FORBIDDEN = {"detail": "You do not have permission to perform this action."}
NOT_AUTHENTICATED = {"detail": "Authentication credentials were not provided."}
SERVER_ERROR = {"detail": "Internal server error"}


class Guarded(OpenConsumer):
    """Lets in who is logged in, and says who that is."""

    authentication_classes: Any = (SessionAuthentication, TokenAuthentication, BasicAuthentication)
    permission_classes: Any = (IsAuthenticated,)

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        await self.send_json(
            {
                "action": "who",
                "user": str(self.user),
                "obj": None if self.obj is None else str(self.obj),
                "method": self.request.method,
            }
        )


def make(**attributes: Any) -> Any:
    """Return the application of a consumer with these attributes."""
    return type("Consumer", (Guarded,), attributes).as_asgi()  # type: ignore[attr-defined]


async def attempt(
    application: Any, path: str = "/ws/", **kwargs: Any
) -> tuple[dict[str, Any], Any]:
    """Connect; return the payload of the authentication message, and who is in or the code."""
    client = WebsocketCommunicator(application, path, **kwargs)
    connected, _ = await client.connect()
    assert connected
    message = await client.receive_json_from()
    assert message["action"] == "authentication"
    payload: dict[str, Any] = message["payload"]
    if payload["status_code"] == 200:
        await client.send_json_to({"action": "ping"})
        outcome = await client.receive_json_from()
    else:
        event = await client.receive_output()
        assert event["type"] == "websocket.close"
        outcome = event["code"]
        assert outcome == 4000 + payload["status_code"]
    await client.disconnect()
    return payload, outcome


async def get_status(application: Any, path: str = "/ws/", **kwargs: Any) -> int:
    payload, _ = await attempt(application, path, **kwargs)
    status: int = payload["status_code"]
    return status


def get_errors(logs: list[Any]) -> list[str]:
    return [line["event"] for line in logs if line["log_level"] in ("error", "critical")]


def basic(name: str, password: str) -> list[tuple[bytes, bytes]]:
    credentials = base64.b64encode(f"{name}:{password}".encode())
    return [(b"authorization", b"Basic " + credentials)]


async def make_user(name: str = "ann", **kwargs: Any) -> User:
    return await sync_to_async(User.objects.create_user)(name, password="pass", **kwargs)


async def log_in(user: User) -> list[tuple[bytes, bytes]]:
    client = AsyncClient()
    await client.aforce_login(user)
    return [(b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())]


# --- statuses -------------------------------------------------------------------------------------


async def test_success_is_200() -> None:
    payload, who = await attempt(make(authentication_classes=(HeaderAuthentication,)), headers=ANN)
    assert payload == {"status_code": 200, "status_text": "OK", "data": {"detail": "OK"}}
    assert who == {"action": "who", "user": "ann", "obj": None, "method": "GET"}


@pytest.mark.parametrize(
    "authentication", [BasicAuthentication, TokenAuthentication, HeaderAuthentication]
)
async def test_missing_credentials_are_401_when_there_is_a_challenge(authentication: Any) -> None:
    payload, code = await attempt(make(authentication_classes=[authentication]))
    assert payload == {
        "status_code": 401,
        "status_text": "Unauthorized",
        "data": NOT_AUTHENTICATED,
    }
    assert code == 4401


async def test_missing_credentials_are_403_without_a_challenge() -> None:
    first_has_none = [SessionAuthentication, BasicAuthentication]
    payload, code = await attempt(make(authentication_classes=first_has_none))
    assert payload == {"status_code": 403, "status_text": "Forbidden", "data": NOT_AUTHENTICATED}
    assert code == 4403


async def test_refused_permission_is_403() -> None:
    application = make(
        authentication_classes=[HeaderAuthentication], permission_classes=[IsAdminUser]
    )
    payload, code = await attempt(application, headers=ANN)
    assert payload == {"status_code": 403, "status_text": "Forbidden", "data": FORBIDDEN}
    assert code == 4403


@database
async def test_missing_object_is_404() -> None:
    application = URLRouter([path("ws/<str:pk>/", make(queryset=Room.objects.all()))])
    user = await make_user()
    token = await Token.objects.acreate(user=user)
    headers = [(b"authorization", f"Token {token.key}".encode())]
    for name in ("1", "no-number"):
        payload, code = await attempt(application, f"/ws/{name}/", headers=headers)
        assert (payload["status_code"], payload["status_text"]) == (404, "Not Found")
        assert code == 4404


@pytest.mark.parametrize("method", ["trace", "connect", "bogus"])
async def test_unknown_verb_is_405(method: str) -> None:
    application = make(authentication_classes=[HeaderAuthentication], auth_method=method)
    payload, code = await attempt(application, headers=ANN)
    assert (payload["status_code"], payload["status_text"]) == (405, "Method Not Allowed")
    assert payload["data"] == {"detail": f'Method "{method.upper()}" not allowed.'}
    assert code == 4405


async def test_throttled_is_429() -> None:
    class Never(BaseThrottle):
        def allow_request(self, request: Any, view: Any) -> bool:
            return False

        def wait(self) -> float:
            return 30

    class Authenticator(ChanxWebsocketAuthenticator):
        throttle_classes = (Never,)

    application = make(permission_classes=[AllowAny], authenticator_class=Authenticator)
    payload, code = await attempt(application)
    assert payload == {
        "status_code": 429,
        "status_text": "Too Many Requests",
        "data": {"detail": "Request was throttled. Expected available in 30 seconds."},
    }
    assert code == 4429


@pytest.fixture
def _empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.mark.usefixtures("_empty_cache")
async def test_rate_throttle_counts_handshakes() -> None:
    class TwoPerDay(AnonRateThrottle):
        rate = "2/day"

    class Authenticator(ChanxWebsocketAuthenticator):
        throttle_classes = (TwoPerDay,)

    application = make(
        authentication_classes=[], permission_classes=[AllowAny], authenticator_class=Authenticator
    )
    assert [await get_status(application) for _ in range(3)] == [200, 200, 429]


async def test_own_exception_of_drf_keeps_its_status() -> None:
    class Teapot(APIException):
        status_code = 418
        default_detail = {"code": "seven", "hint": "short and stout"}

    class Permission(BasePermission):
        def has_permission(self, request: Any, view: Any) -> bool:
            raise Teapot

    application = make(authentication_classes=[], permission_classes=[Permission])
    payload, code = await attempt(application)
    assert payload["status_code"] == 418
    assert payload["data"] == {"code": "seven", "hint": "short and stout"}
    assert code == 4418


# --- failing closed -------------------------------------------------------------------------------


class Broken(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        raise RuntimeError("secret")


class BrokenForObjects(BasePermission):
    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        raise RuntimeError("secret")


class BrokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        raise RuntimeError("secret")


class BrokenConstructor(BasePermission):
    def __init__(self) -> None:
        raise RuntimeError("secret")


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({"permission_classes": [Broken]}, id="permission"),
        pytest.param({"permission_classes": [AllowAny & Broken]}, id="and"),
        pytest.param({"permission_classes": [~Broken]}, id="not"),
        pytest.param({"permission_classes": [BrokenConstructor]}, id="constructor"),
        pytest.param({"permission_classes": ["no class"]}, id="string"),
        pytest.param({"authentication_classes": [BrokenAuthentication]}, id="authentication"),
        pytest.param({"authentication_classes": [None]}, id="none"),
        pytest.param({"queryset": False}, id="false"),
        pytest.param({"queryset": "rooms"}, id="text"),
        pytest.param({"queryset": Room}, id="model"),
        pytest.param({"queryset": []}, id="list"),
        pytest.param({"queryset": Room.objects.all()}, id="queryset"),
        pytest.param({"queryset": Room.objects}, id="manager"),
    ],
)
async def test_unexpected_exception_is_a_500_with_one_traceback(
    attributes: dict[str, Any], logs: list[Any]
) -> None:
    defaults = {"authentication_classes": [HeaderAuthentication], "permission_classes": [AllowAny]}
    payload, code = await attempt(make(**{**defaults, **attributes}), headers=ANN)
    assert payload == {
        "status_code": 500,
        "status_text": "Internal Server Error",
        "data": SERVER_ERROR,
    }
    assert code == 4500
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert line["event"] == "Authentication failed with unexpected error"
    assert line["exc_info"]


@database
@pytest.mark.parametrize("is_manager", [True, False])
async def test_exception_in_an_object_permission_keeps_everybody_out(
    is_manager: bool, logs: list[Any]
) -> None:
    room = await Room.objects.acreate(slug="a")
    queryset = Room.objects if is_manager else Room.objects.all()
    consumer = make(
        authentication_classes=[HeaderAuthentication],
        permission_classes=[BrokenForObjects],
        queryset=queryset,
    )
    application = URLRouter([path("ws/<int:pk>/", consumer)])
    assert await get_status(application, f"/ws/{room.pk}/", headers=ANN) == 500
    assert len(get_errors(logs)) == 1


@pytest.mark.parametrize("status", [200, 204, 302])
async def test_exception_handler_that_answers_with_success_lets_nobody_in(status: int) -> None:
    """Some sites answer 200 to everything and put the error into the body."""
    application = make(
        authentication_classes=[HeaderAuthentication], permission_classes=[IsAdminUser]
    )
    handler = f"{__name__}.answer_with_{status}"
    with override_settings(REST_FRAMEWORK={"EXCEPTION_HANDLER": handler}):
        client = WebsocketCommunicator(application, "/ws/", headers=ANN)
        await client.connect()
        await client.wait_for_auth()
        await client.assert_closed()
        await client.disconnect()


def answer_with_200(error: Exception, context: Any) -> Response:
    return Response({"code": 403}, status=200)


def answer_with_204(error: Exception, context: Any) -> Response:
    return Response(None, status=204)


def answer_with_302(error: Exception, context: Any) -> Response:
    return Response({"login": "/login/"}, status=302)


def answer_with_model(error: Exception, context: Any) -> Response:
    return Response({"error": object()}, status=403)


def answer_with_text(error: Exception, context: Any) -> Response:
    return Response("go away", status=403)


@override_settings(REST_FRAMEWORK={"EXCEPTION_HANDLER": f"{__name__}.answer_with_text"})
async def test_exception_handler_of_the_site_is_used() -> None:
    payload, code = await attempt(make(authentication_classes=[]))
    assert payload == {"status_code": 403, "status_text": "Forbidden", "data": "go away"}
    assert code == 4403


@override_settings(REST_FRAMEWORK={"EXCEPTION_HANDLER": f"{__name__}.answer_with_model"})
async def test_answer_that_is_no_json_is_a_500(logs: list[Any]) -> None:
    payload, _ = await attempt(make(authentication_classes=[]))
    assert payload["data"] == SERVER_ERROR
    assert len(get_errors(logs)) == 1


# --- who is it ------------------------------------------------------------------------------------


@database
async def test_basic_authentication() -> None:
    await make_user()
    application = make(authentication_classes=[BasicAuthentication])
    _, who = await attempt(application, headers=basic("ann", "pass"))
    assert who["user"] == "ann"
    payload, code = await attempt(application, headers=basic("ann", "wrong"))
    assert payload["data"] == {"detail": "Invalid username/password."}
    assert code == 4401


@database
async def test_token_authentication() -> None:
    token = await Token.objects.acreate(user=await make_user())
    application = make(authentication_classes=[TokenAuthentication])
    header = b"authorization"
    _, who = await attempt(application, headers=[(header, f"Token {token.key}".encode())])
    assert who["user"] == "ann"
    payload, code = await attempt(application, headers=[(header, b"Token wrong")])
    assert payload["data"] == {"detail": "Invalid token."}
    assert code == 4401


@database
@pytest.mark.parametrize("has_middleware", [True, False])
@pytest.mark.parametrize("method", ["get", "post"])
async def test_session_authentication(has_middleware: bool, method: str) -> None:
    headers = await log_in(await make_user())
    application = make(authentication_classes=[SessionAuthentication], auth_method=method)
    if has_middleware:
        application = AuthMiddlewareStack(application)
    _, who = await attempt(application, headers=headers)
    assert (who["user"], who["method"]) == ("ann", method.upper())
    assert await get_status(application) == 403
    assert await get_status(application, headers=[(b"cookie", b"sessionid=wrong")]) == 403


@database
@pytest.mark.parametrize("has_middleware", [True, False])
async def test_session_of_an_inactive_user_is_worth_nothing(has_middleware: bool) -> None:
    user = await make_user()
    headers = await log_in(user)
    await User.objects.filter(pk=user.pk).aupdate(is_active=False)
    application = make(authentication_classes=[SessionAuthentication])
    if has_middleware:
        application = AuthMiddlewareStack(application)
    assert await get_status(application, headers=headers) == 403


@database
async def test_classes_are_asked_in_order() -> None:
    user = await make_user()
    headers = [*await log_in(user), *basic("ann", "wrong")]
    session_first = make(authentication_classes=[SessionAuthentication, BasicAuthentication])
    basic_first = make(authentication_classes=[BasicAuthentication, SessionAuthentication])
    assert await get_status(session_first, headers=headers) == 200
    assert await get_status(basic_first, headers=headers) == 401


async def test_nobody_is_an_anonymous_user() -> None:
    seen = []

    class Consumer(OpenConsumer):
        async def post_authentication(self) -> None:
            seen.append(self.user)

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.assert_authenticated_status_ok()
    await client.disconnect()
    with override_settings(REST_FRAMEWORK={"UNAUTHENTICATED_USER": None}):
        client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
        await client.connect()
        await client.assert_authenticated_status_ok()
        await client.disconnect()
    assert [type(user) for user in seen] == [AnonymousUser, AnonymousUser]


@database
async def test_authentication_class_may_return_a_lazy_user() -> None:
    await make_user()

    class Lazy(BaseAuthentication):
        def authenticate(self, request: Any) -> Any:
            return SimpleLazyObject(lambda: User.objects.get(username="ann")), None

    application = make(authentication_classes=[Lazy], permission_classes=[AllowAny])
    _, who = await attempt(application)
    assert who["user"] == "ann"


async def test_request_auth_is_what_the_class_returned() -> None:
    class Authentication(BaseAuthentication):
        def authenticate(self, request: Any) -> Any:
            return User(username="ann"), {"scopes": ["read"]}

    class Consumer(Guarded):
        authentication_classes = (Authentication,)

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_json({"action": "auth", "auth": self.request.auth})

    _, outcome = await attempt(Consumer.as_asgi())
    assert outcome["auth"] == {"scopes": ["read"]}


async def test_authentication_failed_is_told_in_its_own_words() -> None:
    class Authentication(BaseAuthentication):
        def authenticate(self, request: Any) -> Any:
            raise AuthenticationFailed("token expired")

        def authenticate_header(self, request: Any) -> str:
            return "JWT"

    payload, code = await attempt(make(authentication_classes=[Authentication]))
    assert payload["data"] == {"detail": "token expired"}
    assert code == 4401


# --- the project's defaults -----------------------------------------------------------------------


async def test_none_means_the_projects_defaults() -> None:
    application = make(authentication_classes=None, permission_classes=None)
    assert await get_status(application) == 200
    strict = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["tests.app.consumers.HeaderAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    }
    with override_settings(REST_FRAMEWORK=strict):
        assert await get_status(application) == 401
        assert await get_status(application, headers=ANN) == 200
    assert await get_status(application) == 200


async def test_empty_list_is_not_none() -> None:
    strict = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]}
    with override_settings(REST_FRAMEWORK=strict):
        assert await get_status(make(authentication_classes=[], permission_classes=[])) == 200
        assert await get_status(make(authentication_classes=[], permission_classes=None)) == 403


@pytest.mark.usefixtures("_empty_cache")
async def test_default_throttles_apply() -> None:
    application = make(authentication_classes=[], permission_classes=[])
    throttled = {"DEFAULT_THROTTLE_CLASSES": [f"{__name__}.Closed"]}
    with override_settings(REST_FRAMEWORK=throttled):
        assert await get_status(application) == 429
    assert await get_status(application) == 200


class Closed(BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        return False


# --- permissions ----------------------------------------------------------------------------------


class IsAnn(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return str(request.user) == "ann"


class HasLetterA(BasePermission):
    message = "No A in it."

    def has_permission(self, request: Any, view: Any) -> bool:
        return "a" in str(request.user)


@pytest.mark.parametrize(
    ("permission", "names"),
    [
        (IsAnn, ["ann"]),
        (~IsAnn, ["bob", "cara"]),
        (IsAnn | HasLetterA, ["ann", "cara"]),
        (~IsAnn & HasLetterA, ["cara"]),
        (IsAuthenticated & ~(IsAnn | HasLetterA), ["bob"]),
        (IsAdminUser | IsAuthenticated, ["ann", "bob", "cara"]),
    ],
)
async def test_composed_permissions(permission: Any, names: list[str]) -> None:
    application = make(
        authentication_classes=[HeaderAuthentication], permission_classes=[permission]
    )
    admitted = [
        name
        for name in ("ann", "bob", "cara")
        if await get_status(application, headers=[(b"x-user", name.encode())]) == 200
    ]
    assert admitted == names


async def test_message_of_a_permission_is_told() -> None:
    application = make(
        authentication_classes=[HeaderAuthentication], permission_classes=[HasLetterA]
    )
    payload, _ = await attempt(application, headers=[(b"x-user", b"bob")])
    assert payload["data"] == {"detail": "No A in it."}


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "head"])
async def test_permissions_see_the_verb(method: str) -> None:
    seen = []

    class Look(IsAuthenticatedOrReadOnly):
        def has_permission(self, request: Any, view: Any) -> bool:
            seen.append(request.method)
            return super().has_permission(request, view)

    application = make(authentication_classes=[], permission_classes=[Look], auth_method=method)
    is_safe = method in ("get", "head", "options")
    assert await get_status(application) == (200 if is_safe else 403)
    assert seen == [method.upper()]


async def test_verb_may_be_in_capitals() -> None:
    application = make(authentication_classes=[], permission_classes=[], auth_method="POST")
    _, who = await attempt(application)
    assert who["method"] == "POST"


@database
async def test_model_permissions_of_django() -> None:
    user = await make_user()
    room = await Room.objects.acreate(slug="a")
    consumer = make(
        authentication_classes=[TokenAuthentication],
        permission_classes=[DjangoModelPermissions],
        queryset=Room.objects.all(),
        auth_method="delete",
    )
    application = URLRouter([path("ws/<int:pk>/", consumer)])
    token = await Token.objects.acreate(user=user)
    headers = [(b"authorization", f"Token {token.key}".encode())]
    assert await get_status(application, f"/ws/{room.pk}/", headers=headers) == 403
    permission = await Permission.objects.aget(codename="delete_room")
    await user.user_permissions.aadd(permission)
    assert await get_status(application, f"/ws/{room.pk}/", headers=headers) == 200


# --- objects --------------------------------------------------------------------------------------


class IsMember(BasePermission):
    def has_object_permission(self, request: Any, view: Any, obj: Room) -> bool:
        return obj.members.filter(pk=request.user.pk).exists()


async def make_room(slug: str, *members: User) -> Room:
    room = await Room.objects.acreate(slug=slug)
    await room.members.aset(members)
    return room


@database
@pytest.mark.parametrize("is_manager", [True, False])
async def test_object_permission_decides(is_manager: bool) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    room = await make_room("kitchen", ann)
    consumer = make(
        authentication_classes=[BasicAuthentication],
        permission_classes=[IsAuthenticated & IsMember],
        queryset=Room.objects if is_manager else Room.objects.all(),
    )
    application = URLRouter([path("ws/<int:pk>/", consumer)])
    _, who = await attempt(application, f"/ws/{room.pk}/", headers=basic(str(ann), "pass"))
    assert (who["user"], who["obj"]) == ("ann", "kitchen")
    for headers, status in ((basic(str(bob), "pass"), 403), ([], 401)):
        assert await get_status(application, f"/ws/{room.pk}/", headers=headers) == status


@database
@pytest.mark.parametrize(
    ("attributes", "route"),
    [
        ({"lookup_field": "slug"}, "ws/<slug:slug>/"),
        ({"lookup_field": "slug", "lookup_url_kwarg": "name"}, "ws/<slug:name>/"),
        ({"lookup_field": "slug", "lookup_url_kwarg": "name"}, "ws/<slug:name>/<int:page>/"),
    ],
)
async def test_lookup_field_and_url_keyword(attributes: dict[str, Any], route: str) -> None:
    await make_room("kitchen")
    consumer = make(
        authentication_classes=[], permission_classes=[], queryset=Room.objects, **attributes
    )
    application = URLRouter([path(route, consumer)])
    page = "7/" if "page" in route else ""
    _, who = await attempt(application, f"/ws/kitchen/{page}")
    assert who["obj"] == "kitchen"
    assert await get_status(application, f"/ws/cellar/{page}") == 404


@database
async def test_filtered_queryset_hides_the_rest() -> None:
    consumer = make(
        authentication_classes=[],
        permission_classes=[],
        queryset=Room.objects.filter(slug__startswith="k"),
        lookup_field="slug",
    )
    await make_room("kitchen")
    await make_room("cellar")
    application = URLRouter([re_path(r"^ws/(?P<slug>\w+)/$", consumer)])
    assert await get_status(application, "/ws/kitchen/") == 200
    assert await get_status(application, "/ws/cellar/") == 404


@database
async def test_queryset_is_asked_anew_for_each_connection() -> None:
    consumer = make(authentication_classes=[], permission_classes=[], queryset=Room.objects.all())
    application = URLRouter([path("ws/<int:pk>/", consumer)])
    room = await make_room("old")
    url = f"/ws/{room.pk}/"
    _, who = await attempt(application, url)
    assert who["obj"] == "old"
    await Room.objects.filter(pk=room.pk).aupdate(slug="new")
    _, who = await attempt(application, url)
    assert who["obj"] == "new"
    await room.adelete()
    assert await get_status(application, url) == 404


@pytest.mark.parametrize("queryset", [True, None])
async def test_url_keyword_needs_no_queryset(queryset: Any) -> None:
    class Consumer(Guarded):
        authentication_classes: Any = ()
        permission_classes: Any = ()

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            room_id = self.scope["url_route"]["kwargs"]["room_id"]
            await self.send_json({"action": "room", "id": room_id, "obj": self.obj})

    Consumer.queryset = queryset
    application = URLRouter([path("ws/<int:room_id>/", Consumer.as_asgi())])
    _, outcome = await attempt(application, "/ws/7/")
    assert outcome == {"action": "room", "id": 7, "obj": None}


@database
async def test_queryset_without_its_url_keyword_lets_nobody_in(logs: list[Any]) -> None:
    await make_room("kitchen")
    consumer = make(authentication_classes=[], permission_classes=[], queryset=Room.objects)
    application = URLRouter([path("ws/<int:room_id>/", consumer)])
    assert await get_status(application, "/ws/1/") == 500
    assert len(get_errors(logs)) == 1


# --- what permissions may look at -----------------------------------------------------------------


async def test_permission_sees_view_and_request_as_in_a_view() -> None:
    seen: dict[str, Any] = {}

    class Look(BasePermission):
        def has_permission(self, request: Any, view: Any) -> bool:
            seen.update(
                kwargs=view.kwargs,
                path=request.path,
                full_path=request.get_full_path(),
                query=request.query_params.dict(),
                cookie=request.COOKIES.get("color"),
                header=request.headers["X-Header"],
                meta=request.META["HTTP_X_HEADER"],
                host=request.get_host(),
                address=request.META["REMOTE_ADDR"],
                is_secure=request.is_secure(),
                data=request.data,
                accepts=request.accepted_renderer.media_type,
                version=request.version,
            )
            return True

    application = URLRouter(
        [path("ws/<int:number>/", make(authentication_classes=[], permission_classes=[Look]))]
    )
    headers = [
        (b"host", b"testserver"),
        (b"cookie", b"color=red; taste=sweet"),
        (b"x-header", b"value"),
    ]
    client = WebsocketCommunicator(application, "/ws/5/?a=1&b=%20", headers=headers)
    client.scope.update(scheme="wss", client=["10.1.2.3", 5000])
    await client.connect()
    await client.assert_authenticated_status_ok()
    await client.disconnect()
    assert seen == {
        "kwargs": {"number": 5},
        "path": "/ws/5/",
        "full_path": "/ws/5/?a=1&b=%20",
        "query": {"a": "1", "b": " "},
        "cookie": "red",
        "header": "value",
        "meta": "value",
        "host": "testserver",
        "address": "10.1.2.3",
        "is_secure": True,
        "data": {},
        "accepts": "application/json",
        "version": None,
    }


# --- the authenticator by itself ------------------------------------------------------------------


def test_result_has_its_defaults() -> None:
    result = AuthenticationResult(is_authenticated=False, status_code=403, status_text="Forbidden")
    assert (result.data, result.user, result.obj) == ({}, None, None)
    other = AuthenticationResult(False, 403, "Forbidden")
    assert result == other
    assert result.data is not other.data


async def test_authenticator_works_without_a_consumer() -> None:
    authenticator = ChanxWebsocketAuthenticator()
    authenticator.authentication_classes = [HeaderAuthentication]
    authenticator.permission_classes = [IsAuthenticated]
    assert authenticator.request is None
    scope = {"type": "websocket", "path": "/ws/", "headers": ANN}
    result = await authenticator.authenticate(scope)
    assert (result.is_authenticated, result.status_code, str(result.user)) == (True, 200, "ann")
    assert authenticator.request is not None
    assert str(authenticator.request.user) == "ann"
    result = await authenticator.authenticate({**scope, "headers": []})
    assert (result.is_authenticated, result.status_code, result.user) == (False, 401, None)


@pytest.mark.parametrize("scope", [{}, {"path": "/"}, {"path": "/", "headers": [(b"x",)]}])
async def test_authenticate_does_not_raise_for_strange_scopes(scope: Any) -> None:
    authenticator = ChanxWebsocketAuthenticator()
    authenticator.authentication_classes = [HeaderAuthentication]
    authenticator.permission_classes = [IsAuthenticated]
    result = await authenticator.authenticate(scope)
    assert not result.is_authenticated


async def test_authenticator_class_is_used_and_gets_the_attributes() -> None:
    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            data = {"field": self.lookup_field, "method": self.auth_method}
            return AuthenticationResult(False, 451, "Unavailable For Legal Reasons", data)

    application = make(authenticator_class=Authenticator, lookup_field="slug", auth_method="put")
    payload, code = await attempt(application)
    assert payload == {
        "status_code": 451,
        "status_text": "Unavailable For Legal Reasons",
        "data": {"field": "slug", "method": "put"},
    }
    assert code == 4451


class HasObjectCheck(BasePermission):
    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        return True


@pytest.mark.parametrize(
    "permission", [HasObjectCheck, HasObjectCheck | IsAdminUser, ~(AllowAny & HasObjectCheck)]
)
def test_object_permission_without_queryset_warns(permission: Any) -> None:
    authenticator = ChanxWebsocketAuthenticator()
    authenticator.permission_classes = [IsAuthenticated, permission]
    with pytest.warns(RuntimeWarning, match="HasObjectCheck may require object access"):
        authenticator.validate_configuration()
    with pytest.warns(RuntimeWarning, match="may require object access"):
        make(permission_classes=[permission])


def test_default_permission_with_object_check_warns_too() -> None:
    defaults = {"DEFAULT_PERMISSION_CLASSES": [f"{__name__}.HasObjectCheck"]}
    with (
        override_settings(REST_FRAMEWORK=defaults),
        pytest.warns(RuntimeWarning, match="may require object access"),
    ):
        ChanxWebsocketAuthenticator().validate_configuration()


def test_no_warning_where_there_is_nothing_to_warn_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(permission_classes=[HasObjectCheck], queryset=Room.objects.all())
        make(permission_classes=[IsAuthenticated | (IsAdminUser & ~AllowAny)])
        make(permission_classes=[])
        make(permission_classes=None)


async def test_authentication_has_a_deadline(
    monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr("chanx.generic.authenticator._DEADLINE", 0.01)
    may_end, has_ended = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    class Slow(BasePermission):
        def has_permission(self, request: Any, view: Any) -> bool:
            may_end.wait(60)
            loop.call_soon_threadsafe(has_ended.set)
            return True

    application = make(authentication_classes=[], permission_classes=[Slow])
    payload, code = await attempt(application)
    assert (payload["status_code"], payload["data"], code) == (500, SERVER_ERROR, 4500)
    may_end.set()
    await has_ended.wait()
    assert len(get_errors(logs)) == 1


async def test_classes_find_on_the_view_what_a_view_of_drf_has() -> None:
    seen: list[Any] = []

    class Look(AllowAny):
        def has_permission(self, request: Any, view: Any) -> bool:
            handler = getattr(view, request.method.lower())
            seen.append((callable(handler), view.format_kwarg, sorted(view.allowed_methods)))
            return "view" in view.get_serializer_context()

    assert await get_status(make(authentication_classes=[], permission_classes=[Look])) == 200
    verbs = sorted(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
    assert seen == [(True, None, verbs)]


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"authentication_classes": [HeaderAuthentication]}, 405),
        ({"authentication_classes": [], "permission_classes": [IsAuthenticated]}, 403),
    ],
)
async def test_verb_that_no_view_has_is_refused_after_the_checks(
    attributes: dict[str, Any], status: int
) -> None:
    application = make(auth_method="trace", **attributes)
    assert await get_status(application, headers=ANN) == status


class DenyAll(BasePermission):
    """Lets nobody in."""

    def has_permission(self, request: Any, view: Any) -> bool:
        """Say no."""
        return False


async def test_checks_that_say_nothing_let_nobody_in(
    monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr(HandshakeView, "run_checks", HandshakeView.start)
    application = make(authentication_classes=[], permission_classes=[DenyAll])
    assert await get_status(application) == 500


async def test_request_can_be_replaced_by_the_consumer() -> None:
    class Replacing(OpenConsumer):
        async def post_authentication(self) -> None:
            self.request = cast("Request", SimpleLazyObject(lambda: "another"))

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await self.send_json({"action": "request", "payload": str(self.request)})

    _, answer = await attempt(Replacing.as_asgi())
    assert answer["payload"] == "another"
