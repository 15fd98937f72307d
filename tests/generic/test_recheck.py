"""The identity of a live connection: asked for anew, and renewed with another token."""

import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.test import AsyncClient, override_settings
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.authtoken.models import Token
from rest_framework.permissions import AllowAny, BasePermission, IsAdminUser, IsAuthenticated
from rest_framework.throttling import BaseThrottle
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import AccessToken

from chanx.generic.authenticator import (
    AuthenticationResult,
    AuthenticationTooLate,
    ChanxWebsocketAuthenticator,
)
from chanx.testing import bearer_subprotocol
from tests.app.models import Room

pytestmark = pytest.mark.django_db(transaction=True)

WRONG = {"detail": "Incorrect authentication credentials."}


def make(**attributes: Any) -> Any:
    """Return an authenticator with these attributes."""
    authenticator = attributes.pop("kind", ChanxWebsocketAuthenticator)()
    defaults = {
        "authentication_classes": [TokenAuthentication, SessionAuthentication],
        "permission_classes": [IsAuthenticated],
        "throttle_classes": [],
    }
    for name, value in {**defaults, **attributes}.items():
        setattr(authenticator, name, value)
    return authenticator


def make_scope(**kwargs: Any) -> dict[str, Any]:
    return {"type": "websocket", "path": "/ws/", "headers": [], "query_string": b"", **kwargs}


def with_token(token: Any) -> dict[str, Any]:
    return make_scope(subprotocols=["chanx", bearer_subprotocol(str(token))])


async def make_user(name: str = "ann", **kwargs: Any) -> User:
    return await sync_to_async(User.objects.create_user)(name, password="pass", **kwargs)


async def log_in(user: User, *, has_middleware: bool = False) -> dict[str, Any]:
    """Return the scope of a browser that is logged in, as it comes to the consumer."""
    client = AsyncClient()
    await client.aforce_login(user)
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    scope = make_scope(headers=[(b"cookie", cookie)])
    if not has_middleware:
        return scope
    found = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope)

    stack: Any = AuthMiddlewareStack(application)
    await stack(scope, None, None)
    return dict(found[0])


async def change(user: User, **values: Any) -> None:
    await User.objects.filter(pk=user.pk).aupdate(**values)


def get_status(result: AuthenticationResult) -> int:
    assert result.is_authenticated is (result.status_code == 200)
    return result.status_code


# --- sessions -------------------------------------------------------------------------------------


async def end_session(user: User) -> None:
    await Session.objects.all().adelete()


async def change_password(user: User) -> None:
    user.set_password("other")
    await user.asave()


async def deactivate(user: User) -> None:
    await change(user, is_active=False)


async def delete(user: User) -> None:
    await user.adelete()


@pytest.mark.parametrize("has_middleware", [True, False])
@pytest.mark.parametrize("revoke", [end_session, change_password, deactivate, delete])
async def test_session_is_looked_at_anew(has_middleware: bool, revoke: Any) -> None:
    user = await make_user()
    scope = await log_in(user, has_middleware=has_middleware)
    authenticator = make(authentication_classes=[SessionAuthentication])
    assert get_status(await authenticator.check(scope)) == 200
    assert authenticator.needs_rechecks
    first = authenticator.request
    assert get_status(await authenticator.recheck(scope)) == 200
    await revoke(user)
    result = await authenticator.recheck(scope)
    assert (get_status(result), result.refused_by) == (403, "anonymous")
    assert authenticator.request is first


@pytest.mark.parametrize("has_middleware", [True, False])
async def test_session_that_counts_as_ended(has_middleware: bool) -> None:
    user = await make_user()
    scope = await log_in(user, has_middleware=has_middleware)
    seen = []

    class Look(IsAuthenticated):
        def has_permission(self, request: Any, view: Any) -> bool:
            seen.append(dict(request.session.items()))
            return super().has_permission(request, view)

    authenticator = make(permission_classes=[Look])
    assert get_status(await authenticator.check(scope)) == 200
    assert get_status(await authenticator.recheck(scope, without_session=True)) == 401
    assert seen[0]
    assert seen[1] == {}
    # Whoever came with a token does not need the session of the same browser.
    token = await Token.objects.acreate(user=user)
    scope["headers"] = [*scope["headers"], (b"authorization", f"Token {token}".encode())]
    authenticator = make()
    assert get_status(await authenticator.check(scope)) == 200
    assert get_status(await authenticator.recheck(scope, without_session=True)) == 200


async def test_a_socket_deletes_no_session_and_gives_it_no_new_key() -> None:
    user = await make_user()
    with override_settings(SECRET_KEY="old"):
        scope = await log_in(user)
    keys = await sync_to_async(lambda: set(Session.objects.values_list("pk", flat=True)))()
    authenticator = make(authentication_classes=[SessionAuthentication])
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        assert get_status(await authenticator.check(scope)) == 200
    await change_password(user)
    assert get_status(await authenticator.recheck(scope)) == 403
    assert keys == await sync_to_async(lambda: set(Session.objects.values_list("pk", flat=True)))()


@pytest.mark.parametrize("key", ["a\x00b", "ä" * 20, "\x7f" * 20])
async def test_cookie_that_is_no_cookie_is_no_session(key: str) -> None:
    scope = make_scope(headers=[(b"cookie", b"sessionid=" + key.encode())])
    seen = []

    class Look(AllowAny):
        def has_permission(self, request: Any, view: Any) -> bool:
            seen.append((request.user, request.session.session_key))
            return True

    authenticator = make(permission_classes=[Look])
    assert get_status(await authenticator.check(scope)) == 200
    assert seen == [(AnonymousUser(), None)]


# --- users of a site's own middleware -------------------------------------------------------------


@pytest.mark.parametrize("has_session", [True, False])
@pytest.mark.parametrize("revoke", [deactivate, delete])
async def test_user_of_other_middleware_is_loaded_anew(has_session: bool, revoke: Any) -> None:
    user, bob = await make_user(), await make_user("bob")
    scope = await log_in(bob, has_middleware=True) if has_session else make_scope()
    scope["user"] = user
    authenticator = make(authentication_classes=[SessionAuthentication])
    assert get_status(await authenticator.check(scope)) == 200
    result = await authenticator.recheck(scope, without_session=True)
    assert (result.user, result.user is user) == (user, False)
    await revoke(await User.objects.aget(pk=user.pk))
    assert get_status(await authenticator.recheck(scope)) == 403


async def test_user_that_is_no_model_stays() -> None:
    class Device:
        is_authenticated = is_active = True

    scope = make_scope(user=Device())
    authenticator = make(authentication_classes=[SessionAuthentication])
    assert get_status(await authenticator.check(scope)) == 200
    assert get_status(await authenticator.recheck(scope)) == 200


# --- tokens, permissions, objects -----------------------------------------------------------------


async def test_token_is_looked_up_anew() -> None:
    token = await Token.objects.acreate(user=await make_user())
    authenticator = make()
    scope = with_token(token)
    assert get_status(await authenticator.check(scope)) == 200
    assert authenticator.expires_at is None
    await token.adelete()
    result = await authenticator.recheck(scope)
    assert (get_status(result), result.data) == (401, {"detail": "Invalid token."})
    assert result.headers == {"WWW-Authenticate": "Token"}
    assert result.refused_by == "authentication"


async def test_jwt_is_checked_anew_and_its_end_is_known() -> None:
    user = await make_user()
    token: Any = AccessToken.for_user(user)
    authenticator = make(authentication_classes=[JWTAuthentication])
    scope = with_token(token)
    assert get_status(await authenticator.check(scope)) == 200
    assert authenticator.expires_at == token["exp"]
    token.set_exp(from_time=token.current_time.replace(year=2020))
    assert get_status(await authenticator.check(with_token(token))) == 401
    await deactivate(user)
    assert get_status(await authenticator.recheck(scope)) == 401


async def test_permissions_are_asked_anew() -> None:
    user = await make_user(is_staff=True)
    token = await Token.objects.acreate(user=user)
    authenticator = make(permission_classes=[IsAdminUser])
    scope = with_token(token)
    assert get_status(await authenticator.check(scope)) == 200
    await change(user, is_staff=False)
    result = await authenticator.recheck(scope)
    assert (get_status(result), result.refused_by) == (403, "permission")


async def test_object_is_looked_up_anew() -> None:
    room = await Room.objects.acreate(slug="kitchen")

    class Kitchen(BasePermission):
        def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
            return bool(obj.slug == "kitchen")

    authenticator = make(
        authentication_classes=[], permission_classes=[Kitchen], queryset=Room.objects
    )
    scope = make_scope(url_route={"args": (), "kwargs": {"pk": room.pk}})
    assert get_status(await authenticator.check(scope)) == 200
    assert authenticator.needs_rechecks
    await Room.objects.aupdate(slug="cellar")
    result = await authenticator.recheck(scope)
    assert (get_status(result), result.refused_by) == (403, "permission")
    await room.adelete()
    result = await authenticator.recheck(scope)
    assert (get_status(result), result.refused_by) == (404, "object")


async def test_throttles_count_handshakes_and_renewals_and_no_rechecks() -> None:
    calls = []

    class Twice(BaseThrottle):
        def allow_request(self, request: Any, view: Any) -> bool:
            calls.append(1)
            return len(calls) <= 2

        def wait(self) -> float:
            return 7

    token = await Token.objects.acreate(user=await make_user())
    scope = with_token(token)
    authenticator = make(throttle_classes=[Twice])
    assert get_status(await authenticator.check(scope)) == 200
    for _ in range(3):
        assert get_status(await authenticator.recheck(scope)) == 200
    assert get_status(await authenticator.renew(scope, token.key)) == 200
    result = await authenticator.renew(scope, token.key)
    assert (get_status(result), result.refused_by) == (429, "throttle")
    assert result.headers == {"Retry-After": "7"}


async def test_anonymous_connections_need_no_rechecks() -> None:
    authenticator = make(permission_classes=[AllowAny])
    assert get_status(await authenticator.check(make_scope())) == 200
    assert not authenticator.needs_rechecks
    authenticator = make(permission_classes=[type("Own", (BasePermission,), {})])
    assert get_status(await authenticator.check(make_scope())) == 200
    assert authenticator.needs_rechecks


class BrokenDatabase(BasePermission):
    """Works as long as nothing is put into ``error``."""

    error: Exception | None = None

    def has_permission(self, request: Any, view: Any) -> bool:
        """Raise the error."""
        if self.error:
            raise self.error
        return True


@pytest.mark.parametrize("overrides", [True, False])
async def test_what_is_unexpected_is_raised(
    monkeypatch: pytest.MonkeyPatch, overrides: bool
) -> None:
    class Overriding(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            return await super().authenticate(scope)

    kind = Overriding if overrides else ChanxWebsocketAuthenticator
    token = await Token.objects.acreate(user=await make_user())
    authenticator = make(kind=kind, permission_classes=[BrokenDatabase])
    scope = with_token(token)
    assert get_status(await authenticator.authenticate(scope)) == 200
    monkeypatch.setattr(BrokenDatabase, "error", DatabaseError("down"))
    with pytest.raises(DatabaseError, match="down"):
        await authenticator.recheck(scope)
    with pytest.raises(DatabaseError, match="down"):
        await authenticator.renew(scope, token.key)
    monkeypatch.setattr(BrokenDatabase, "error", None)
    monkeypatch.setattr("chanx.generic.authenticator._DEADLINE", 0)
    with pytest.raises(AuthenticationTooLate):
        await authenticator.recheck(scope)
    # The call that nobody waits for any more may run, and would query in the next test: this one
    # comes after it in the same thread.
    await sync_to_async(int)()
    assert issubclass(AuthenticationTooLate, TimeoutError)


async def test_authenticate_of_a_subclass_decides_about_rechecks_and_renewals() -> None:
    class Closing(ChanxWebsocketAuthenticator):
        is_closed = False

        async def authenticate(self, scope: Any) -> AuthenticationResult:
            result = await super().authenticate(scope)
            if self.is_closed:
                return AuthenticationResult(False, 403, "Forbidden", {"detail": "closed"})
            return result

    token = await Token.objects.acreate(user=await make_user())
    scope = with_token(token)
    authenticator = make(kind=Closing)
    assert get_status(await authenticator.authenticate(scope)) == 200
    first = authenticator.request
    assert get_status(await authenticator.recheck(scope)) == 200
    authenticator.is_closed = True
    assert (await authenticator.recheck(scope)).data == {"detail": "closed"}
    assert (await authenticator.renew(scope, token.key)).data == {"detail": "closed"}
    assert authenticator.request is first


async def test_authenticate_of_a_subclass_may_look_at_the_user_in_the_event_loop() -> None:
    class Own(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            user = scope["user"]
            if not user.is_authenticated or not scope["session"].keys():
                return AuthenticationResult(False, 401, "Unauthorized")
            return AuthenticationResult(True, 200, "OK", user=user)

    user = await make_user()
    scope = await log_in(user, has_middleware=True)
    authenticator = make(kind=Own)
    assert get_status(await authenticator.authenticate(scope)) == 200
    assert get_status(await authenticator.recheck(scope)) == 200
    await deactivate(user)
    assert get_status(await authenticator.recheck(scope)) == 401


# --- renewals -------------------------------------------------------------------------------------


async def test_renewal_replaces_the_token() -> None:
    user = await make_user()
    authenticator = make(authentication_classes=[JWTAuthentication])
    old: Any = AccessToken.for_user(user)
    new: Any = AccessToken.for_user(user)
    new.set_exp(lifetime=old.lifetime * 2)
    scope = with_token(old)
    assert get_status(await authenticator.check(scope)) == 200
    first = authenticator.request
    result = await authenticator.renew(scope, str(new))
    assert (get_status(result), result.user) == (200, user)
    assert authenticator.request is not first
    assert authenticator.request.auth["exp"] == new["exp"] == authenticator.expires_at
    assert scope == with_token(old)
    assert get_status(await authenticator.recheck(scope)) == 200
    assert authenticator.expires_at == new["exp"]


async def test_rechecks_use_the_new_token_and_neither_the_old_one_nor_the_session() -> None:
    user = await make_user()
    scope = await log_in(user, has_middleware=True)
    token = await Token.objects.acreate(user=user)
    authenticator = make()
    assert get_status(await authenticator.check(scope)) == 200
    assert get_status(await authenticator.renew(scope, token.key)) == 200
    await Session.objects.all().adelete()
    assert get_status(await authenticator.recheck(scope)) == 200
    await token.adelete()
    assert get_status(await authenticator.recheck(scope)) == 401


@pytest.mark.parametrize("token", ["wrong", "", "a\nb", "Basic YTpi", "ä", "x" * 9000])
async def test_wrong_token_is_refused_also_where_a_session_would_do(token: str) -> None:
    user = await make_user()
    scope = await log_in(user)
    authenticator = make()
    assert get_status(await authenticator.check(scope)) == 200
    first = authenticator.request
    result = await authenticator.renew(scope, token)
    assert (get_status(result), result.refused_by) == (401, "authentication")
    assert authenticator.request is first
    assert get_status(await authenticator.recheck(scope)) == 200


async def test_token_decides_alone_also_where_middleware_knows_the_user() -> None:
    user, seen = await make_user(), []

    class Look(BaseAuthentication):
        def authenticate(self, request: Any) -> None:
            seen.append(request._request.user.is_authenticated)

    old = AccessToken.for_user(user)
    scope = {**with_token(old), "user": user}
    classes = [Look, JWTAuthentication, SessionAuthentication]
    authenticator = make(authentication_classes=classes)
    assert get_status(await authenticator.check(scope)) == 200
    # No class knows the scheme, and so none would refuse it.
    result = await authenticator.renew(scope, "Other abc")
    assert (get_status(result), result.refused_by) == (401, "authentication")
    assert authenticator.expires_at == old["exp"]
    new: Any = AccessToken.for_user(user)
    assert get_status(await authenticator.renew(scope, str(new))) == 200
    assert get_status(await authenticator.recheck(scope)) == 200
    assert seen == [True, False, False, False]


async def test_renewal_is_for_the_same_user() -> None:
    ann = await Token.objects.acreate(user=await make_user())
    bob = await Token.objects.acreate(user=await make_user("bob"))
    authenticator = make()
    scope = with_token(ann)
    assert get_status(await authenticator.check(scope)) == 200
    first = authenticator.request
    result = await authenticator.renew(scope, bob.key)
    assert (get_status(result), result.data, result.refused_by) == (401, WRONG, "authentication")
    assert authenticator.request is first
    await bob.adelete()
    assert get_status(await authenticator.recheck(scope)) == 200


async def test_anonymous_connection_does_not_become_a_users() -> None:
    token = await Token.objects.acreate(user=await make_user())
    authenticator = make(permission_classes=[AllowAny])
    assert get_status(await authenticator.check(make_scope())) == 200
    result = await authenticator.renew(make_scope(), token.key)
    assert (get_status(result), result.data) == (401, WRONG)


async def test_who_was_not_let_in_may_come_as_anybody() -> None:
    token = await Token.objects.acreate(user=await make_user())
    authenticator = make()
    result = await authenticator.check(make_scope())
    assert (get_status(result), result.refused_by) == (401, "anonymous")
    assert not authenticator.has_token
    assert get_status(await authenticator.renew(make_scope(), token.key)) == 200
    assert get_status(await authenticator.recheck(make_scope())) == 200


async def test_renewal_during_a_recheck_makes_it_ask_again() -> None:
    user = await make_user()
    old = await Token.objects.acreate(user=user)
    scope = with_token(old)
    renewals: list[Any] = []

    class Renewing(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            result = await super().authenticate(scope)
            if renewals:
                await renewals.pop()()
            return result

    authenticator = make(kind=Renewing)
    assert get_status(await authenticator.authenticate(scope)) == 200
    await old.adelete()
    new = await Token.objects.acreate(user=user)

    async def renew() -> None:
        assert get_status(await authenticator.renew(scope, new.key)) == 200

    renewals.append(renew)
    assert get_status(await authenticator.recheck(scope)) == 200


# --- what the client learns -----------------------------------------------------------------------


async def test_wrong_password_and_unknown_user_are_told_apart_by_nothing() -> None:
    await make_user()
    await make_user("bob", is_active=False)
    authenticator = make(authentication_classes=[BasicAuthentication])
    answers = []
    for credentials in (b"YW5uOndyb25n", b"bm9ib2R5Ondyb25n", b"Ym9iOnBhc3M="):
        headers = [(b"authorization", b"Basic " + credentials)]
        answers.append(await authenticator.check(make_scope(headers=headers)))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0].data == {"detail": "Invalid username/password."}
    assert answers[0].headers == {"WWW-Authenticate": 'Basic realm="api"'}


@pytest.mark.parametrize(
    ("classes", "status"),
    [([TokenAuthentication], 401), ([SessionAuthentication, TokenAuthentication], 403)],
)
async def test_malformed_token_is_refused_as_drf_refuses(classes: Any, status: int) -> None:
    scope = make_scope(subprotocols=["chanx.bearer.secret!"])
    authenticator = make(authentication_classes=classes, permission_classes=[AllowAny])
    result = await authenticator.check(scope)
    assert (get_status(result), result.refused_by) == (status, "authentication")
    assert result.data["detail"].startswith("The token is malformed: a subprotocol carries it in")
    assert authenticator.has_token


async def test_nobody_looks_at_a_token_where_no_class_does() -> None:
    authenticator = make(authentication_classes=[], permission_classes=[AllowAny])
    scope = make_scope(headers=[(b"authorization", b"a\x00b")])
    assert get_status(await authenticator.check(scope)) == 200
    assert "HTTP_AUTHORIZATION" not in authenticator.request.META


async def test_token_of_the_query_string_is_not_in_the_request() -> None:
    token = await Token.objects.acreate(user=await make_user())
    authenticator = make(token_transports=["query"])
    scope = make_scope(query_string=f"a=1&token={token}".encode())
    assert get_status(await authenticator.check(scope)) == 200
    assert authenticator.request.get_full_path() == "/ws/?a=1"
    assert token.key not in repr(authenticator.request.query_params)


async def test_query_string_may_be_any_bytes() -> None:
    authenticator = make(authentication_classes=[], permission_classes=[AllowAny])
    assert get_status(await authenticator.check(make_scope(query_string=b"a=\xff\x00"))) == 200


class Challenging(BaseAuthentication):
    """Has a challenge of its own, and shows what it was given."""

    challenge: Any = None

    def authenticate(self, request: Any) -> Any:
        """Let in everybody."""
        return User(username="ann"), request.META["HTTP_AUTHORIZATION"]

    def authenticate_header(self, request: Any) -> Any:
        """Return the challenge."""
        assert "HTTP_AUTHORIZATION" not in request.META
        return self.challenge


@pytest.mark.parametrize(
    ("challenges", "scheme"),
    [
        (['Basic realm="api"'], "Bearer"),
        (['Digest realm="api"', "Key"], "Key"),
        ([None, 'JWT realm="api"'], "JWT"),
        ([None, 7, ""], "Bearer"),
    ],
)
async def test_scheme_of_a_bare_token(challenges: list[Any], scheme: str) -> None:
    classes = [type("Own", (Challenging,), {"challenge": challenge}) for challenge in challenges]
    authenticator = make(authentication_classes=classes)
    assert get_status(await authenticator.check(with_token("abc"))) == 200
    assert authenticator.request.auth == f"{scheme} abc"
    classes[-1].keyword = "Own"  # type: ignore[attr-defined]  # as TokenAuthentication has it
    if scheme == "Bearer":
        assert get_status(await authenticator.check(with_token("abc"))) == 200
        assert authenticator.request.auth == "Own abc"


async def test_get_expiry_may_be_overridden() -> None:
    end = time.time() + 60

    class Own(ChanxWebsocketAuthenticator):
        def get_expiry(self, request: Any) -> float | None:
            assert request.user.username == "ann"
            return end

    token = await Token.objects.acreate(user=await make_user())
    authenticator = make(kind=Own)
    assert get_status(await authenticator.check(with_token(token))) == 200
    assert authenticator.expires_at == end


def test_authenticator_of_ones_own_is_asked_again_unless_it_says_otherwise() -> None:
    class Own(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            return AuthenticationResult(True, 200, "OK")

    class Settled(Own):
        needs_rechecks = False

    class Throttled(ChanxWebsocketAuthenticator):
        throttle_classes = []

    assert Own().needs_rechecks
    assert not Settled().needs_rechecks
    assert not Throttled().needs_rechecks
