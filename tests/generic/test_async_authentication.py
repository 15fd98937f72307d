"""Asynchronous authentication classes, asynchronous permissions, and ``get_queryset``."""

import asyncio
import threading
import warnings
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser, User
from django.utils.functional import SimpleLazyObject
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.throttling import BaseThrottle

from chanx.generic.authenticator import ChanxWebsocketAuthenticator
from chanx.generic.problems import find_problems
from chanx.routing import path
from chanx.testing import WebsocketCommunicator
from tests.app.consumers import HeaderAuthentication, OpenConsumer
from tests.app.models import Room
from tests.generic.test_threads import hops

__all__ = ["hops"]  # a fixture

database = pytest.mark.django_db(transaction=True)
ANN = [(b"x-user", b"ann")]
ASYNC = [(b"x-async", b"bob")]


class AsyncAuthentication(BaseAuthentication):
    """As in adrf: ``authenticate`` is a coroutine function."""

    async def authenticate(self, request: Any) -> Any:  # type: ignore[override]  # adrf's way
        """Believe a header, in the event loop."""
        await asyncio.sleep(0)
        assert threading.current_thread() is threading.main_thread()
        if name := request.headers.get("x-async"):
            if name == "wrong":
                raise AuthenticationFailed("wrong name")
            return User(pk=len(name), username=name), "async"
        return None

    def authenticate_header(self, request: Any) -> str:
        """Make refusals a 401."""
        return "Async"


class BothWays(AsyncAuthentication):
    """Has a synchronous method as well, for other servers."""

    aauthenticate = AsyncAuthentication.authenticate

    def authenticate(self, request: Any) -> Any:
        """Not to be called."""
        raise AssertionError("called")


def make(**attributes: Any) -> Any:
    authenticator: Any = ChanxWebsocketAuthenticator()
    defaults = {"permission_classes": [IsAuthenticated], "throttle_classes": []}
    for name, value in {**defaults, **attributes}.items():
        setattr(authenticator, name, value)
    return authenticator


def make_scope(headers: Any = (), **kwargs: Any) -> dict[str, Any]:
    return {"type": "websocket", "path": "/ws/", "headers": list(headers), **kwargs}


@pytest.mark.parametrize("kind", [AsyncAuthentication, BothWays])
async def test_async_class_needs_no_thread(kind: Any, hops: list[Any]) -> None:
    authenticator = make(authentication_classes=[kind])
    result = await authenticator.check(make_scope(ASYNC))
    assert (result.status_code, str(result.user)) == (200, "bob")
    assert authenticator.request.auth == "async"
    assert isinstance(authenticator.request.successful_authenticator, kind)
    assert authenticator.needs_rechecks
    assert (await authenticator.recheck(make_scope(ASYNC))).is_authenticated
    for headers, by in (((), "anonymous"), ([(b"x-async", b"wrong")], "authentication")):
        result = await authenticator.check(make_scope(headers))
        assert (result.status_code, result.refused_by) == (401, by)
        assert result.headers == {"WWW-Authenticate": "Async"}
    assert hops == []


async def test_malformed_token_does_not_reach_an_async_class() -> None:
    authenticator = make(authentication_classes=[AsyncAuthentication])
    scope = make_scope(ASYNC, subprotocols=["chanx.bearer.!"])
    result = await authenticator.check(scope)
    assert result.status_code == 401
    assert result.data["detail"].startswith("The token is malformed")


@pytest.mark.parametrize(
    ("classes", "headers", "name"),
    [
        ([AsyncAuthentication, HeaderAuthentication], [*ANN, *ASYNC], "bob"),
        ([AsyncAuthentication, HeaderAuthentication], ANN, "ann"),
        ([HeaderAuthentication, AsyncAuthentication], [*ANN, *ASYNC], "ann"),
        ([HeaderAuthentication, AsyncAuthentication], ASYNC, "bob"),
        ([HeaderAuthentication, BothWays], ASYNC, "bob"),
        ([AsyncAuthentication, HeaderAuthentication, BothWays], [], None),
    ],
)
async def test_classes_of_both_kinds_are_asked_in_order(
    classes: Any, headers: Any, name: str | None, hops: list[Any]
) -> None:
    authenticator = make(authentication_classes=classes)
    result = await authenticator.check(make_scope(headers))
    assert (result.status_code, result.refused_by) == ((200, None) if name else (401, "anonymous"))
    assert str(result.user) == str(name)
    authenticator.permission_classes = [AllowAny]
    result = await authenticator.check(make_scope(headers))
    assert str(result.user) == (name or str(AnonymousUser()))


@database
async def test_checks_after_an_async_class_may_query(hops: list[Any]) -> None:
    room = await Room.objects.acreate(slug="kitchen")
    hops.clear()
    authenticator = make(authentication_classes=[AsyncAuthentication], queryset=Room.objects)
    scope = make_scope(ASYNC, url_route={"args": (), "kwargs": {"pk": room.pk}})
    result = await authenticator.check(scope)
    assert (result.status_code, result.obj) == (200, room)
    # One call, which asgiref hands to one thread.
    assert len(hops) == 2


@database
async def test_async_class_may_return_a_lazy_user() -> None:
    await User.objects.acreate(username="ann")

    class Lazy(BaseAuthentication):
        async def aauthenticate(self, request: Any) -> Any:
            return SimpleLazyObject(lambda: User.objects.get(username="ann")), None

    result = await make(authentication_classes=[Lazy]).check(make_scope())
    assert (result.status_code, str(result.user)) == (200, "ann")


@database
async def test_async_class_may_ask_for_the_user_of_the_session() -> None:
    from django.test import AsyncClient

    user = await sync_to_async(User.objects.create_user)("ann")
    client = AsyncClient()
    await client.aforce_login(user)

    class Session(BaseAuthentication):
        async def aauthenticate(self, request: Any) -> Any:
            return await request.auser(), None

    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    authenticator = make(authentication_classes=[Session])
    result = await authenticator.check(make_scope([(b"cookie", cookie)]))
    assert result.user == user


async def test_async_class_has_the_deadline_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(BaseAuthentication):
        async def aauthenticate(self, request: Any) -> Any:
            await asyncio.Event().wait()

    monkeypatch.setattr("chanx.generic.authenticator._DEADLINE", 0.01)
    result = await make(authentication_classes=[Slow]).authenticate(make_scope())
    assert result.status_code == 500


async def test_timeout_of_an_async_class_is_its_own() -> None:
    class Slow(BaseAuthentication):
        async def aauthenticate(self, request: Any) -> Any:
            raise TimeoutError("of a key server")

    with pytest.raises(TimeoutError, match="of a key server"):
        await make(authentication_classes=[Slow]).check(make_scope())


# --- asynchronous permissions ---------------------------------------------------------------------


class AsyncPermission(BasePermission):
    async def has_permission(self, request: Any, view: Any) -> bool:  # type: ignore[override]  # wrong on purpose
        return False


class AsyncForObjects(BasePermission):
    async def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:  # type: ignore[override]  # wrong on purpose
        return False


class HiddenAsync(BasePermission):
    """No coroutine function, but it returns a coroutine."""

    def has_permission(self, request: Any, view: Any) -> Any:
        return AsyncPermission().has_permission(request, view)

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> Any:
        return AsyncPermission().has_permission(request, view)


@pytest.mark.parametrize(
    "permission",
    [
        AsyncPermission,
        AsyncForObjects,
        AllowAny & AsyncPermission,
        AllowAny | AsyncForObjects,
        ~AsyncPermission,
        AllowAny & (IsAuthenticated | ~AsyncPermission),
    ],
)
async def test_async_permissions_are_mistakes_that_let_nobody_in(permission: Any) -> None:
    class Consumer(OpenConsumer):
        permission_classes = (permission,)

    with pytest.raises(TypeError, match=r"Consumer.permission_classes has Async.*synchronous"):
        Consumer.as_asgi()
    assert "E015" in [problem.id for problem in find_problems(Consumer)]
    for classes in ([], [AsyncAuthentication]):
        authenticator = make(authentication_classes=classes, permission_classes=[permission])
        assert (await authenticator.authenticate(make_scope(ASYNC))).status_code == 500


@database
async def test_coroutine_of_a_permission_is_no_yes() -> None:
    authenticator = make(authentication_classes=[], permission_classes=[HiddenAsync])
    assert (await authenticator.authenticate(make_scope())).status_code == 500

    class ForObjects(HiddenAsync):
        def has_permission(self, request: Any, view: Any) -> Any:
            return True

    room = await Room.objects.acreate(slug="kitchen")
    scope = make_scope(url_route={"args": (), "kwargs": {"pk": room.pk}})
    authenticator = make(
        authentication_classes=[], permission_classes=[ForObjects], queryset=Room.objects
    )
    assert (await authenticator.authenticate(scope)).status_code == 500


# --- get_queryset ---------------------------------------------------------------------------------


class IsKitchen(BasePermission):
    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        return bool(obj.slug == "kitchen")


async def connect(application: Any, pk: int, name: bytes) -> int:
    router = URLRouter([path("ws/<int:pk>/", application)])
    client = WebsocketCommunicator(router, f"/ws/{pk}/", headers=[(b"x-user", name)])
    await client.connect()
    message = await client.wait_for_auth()
    await client.disconnect()
    assert message
    return message.payload.status_code


@database
async def test_queryset_may_depend_on_who_asks() -> None:
    class Consumer(OpenConsumer):
        authentication_classes = (HeaderAuthentication,)
        permission_classes = (IsKitchen,)

        def get_queryset(self, request: Any) -> Any:
            assert list(Room.objects.all())  # it may query
            return Room.objects.filter(slug__startswith=request.user.username[0])

    class Other(Consumer):
        queryset = Room.objects.none()

        def get_queryset(self, request: Any) -> Any:
            return super().get_queryset(request) | Room.objects.filter(slug="cellar")

    kitchen = await Room.objects.acreate(slug="kitchen")
    cellar = await Room.objects.acreate(slug="cellar")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        application = Consumer.as_asgi()
    assert [problem.id for problem in find_problems(Consumer)] == []
    assert await connect(application, kitchen.pk, b"karl") == 200
    assert await connect(application, kitchen.pk, b"ann") == 404
    assert await connect(application, cellar.pk, b"cara") == 403
    assert await connect(Other.as_asgi(), cellar.pk, b"ann") == 403


@database
async def test_queryset_of_an_authenticator_class_and_the_consumers_before_it() -> None:
    class Authenticator(ChanxWebsocketAuthenticator):
        def get_queryset(self, request: Any) -> Any:
            return Room.objects

    class Consumer(OpenConsumer):
        permission_classes = (IsKitchen,)
        authenticator_class = Authenticator

    class Before(Consumer):
        def get_queryset(self, request: Any) -> Any:
            return Room.objects.none()

    kitchen = await Room.objects.acreate(slug="kitchen")
    assert [problem.id for problem in find_problems(Consumer)] == []
    assert await connect(Consumer.as_asgi(), kitchen.pk, b"ann") == 200
    assert await connect(Before.as_asgi(), kitchen.pk, b"ann") == 404


@pytest.mark.parametrize("found", [None, True, [], "rooms", Room])
async def test_queryset_that_is_none_lets_nobody_in(found: Any, logs: list[Any]) -> None:
    class Consumer(OpenConsumer):
        def get_queryset(self, request: Any) -> Any:
            return found

    assert await connect(Consumer.as_asgi(), 1, b"ann") == 500
    assert len([line for line in logs if line.get("exc_info")]) == 1


async def test_async_get_queryset_is_a_mistake_that_lets_nobody_in() -> None:
    class Consumer(OpenConsumer):
        async def get_queryset(self, request: Any) -> Any:
            return Room.objects.all()

    assert [problem.id for problem in find_problems(Consumer)] == ["E007"]
    assert await connect(Consumer.as_asgi(), 1, b"ann") == 500


# --- throttles and the subprotocol of a consumer --------------------------------------------------


class Never(BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        return False


async def test_throttle_classes_of_the_consumer() -> None:
    class Consumer(OpenConsumer):
        throttle_classes = (Never,)

    assert await connect(Consumer.as_asgi(), 1, b"ann") == 429

    class Wrong(OpenConsumer):
        throttle_classes: Any = Never

    assert [problem.id for problem in find_problems(Wrong)] == ["E005"]


@pytest.mark.parametrize("overrides", [True, False])
@pytest.mark.parametrize("offers_chanx", [True, False])
async def test_token_is_never_sent_back(overrides: bool, offers_chanx: bool) -> None:
    class Consumer(OpenConsumer):
        async def connect(self) -> None:
            first = self.scope["subprotocols"][0]
            await self.accept(first if overrides else None)

    offered = ["chanx.bearer.YWJj", *(["chanx"] if offers_chanx else [])]
    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/", subprotocols=offered)
    assert await client.connect() == (True, "chanx" if offers_chanx else None)
    await client.disconnect()
