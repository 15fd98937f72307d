"""The Django request of a handshake."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.test import override_settings
from django.utils.functional import SimpleLazyObject

from chanx.integrations.request import make_request


def make_scope(**kwargs: Any) -> dict[str, Any]:
    return {"type": "websocket", "path": "/ws/", "headers": [], "query_string": b"", **kwargs}


def test_request_has_what_the_handshake_had() -> None:
    scope = make_scope(
        path="/ws/ä/",
        query_string=b"a=1&a=2&b=%C3%A4",
        headers=[
            (b"host", b"testserver:8000"),
            (b"cookie", b"a=1; b=2"),
            (b"user-agent", b"tests"),
            (b"x-two", b"1"),
            (b"x-two", b"2"),
        ],
        client=("10.0.0.1", 1234),
        server=("10.0.0.2", 80),
    )
    request = make_request(scope, "patch")
    assert request.method == "PATCH"
    assert request.path == "/ws/ä/"
    assert request.GET.getlist("a") == ["1", "2"]
    assert request.GET["b"] == "ä"
    assert request.COOKIES == {"a": "1", "b": "2"}
    assert request.META["HTTP_USER_AGENT"] == "tests"
    assert request.META["HTTP_X_TWO"] == "1,2"
    assert request.META["REMOTE_ADDR"] == "10.0.0.1"
    assert request.META["SERVER_PORT"] == "80"
    assert request.get_host() == "testserver:8000"
    assert request.body == b""
    assert scope["type"] == "websocket"


@pytest.mark.parametrize(
    ("scheme", "is_secure"), [("ws", False), ("wss", True), ("http", False), (None, False)]
)
def test_request_is_secure_over_wss(scheme: str | None, is_secure: bool) -> None:
    scope = make_scope() if scheme is None else make_scope(scheme=scheme)
    assert make_request(scope, "get").is_secure() is is_secure


def test_request_needs_no_more_than_a_path() -> None:
    request = make_request({"type": "websocket", "path": "/"}, "get")
    assert request.GET == {}
    assert request.COOKIES == {}
    assert "REMOTE_ADDR" not in request.META


def test_session_and_user_of_the_scope_are_taken_and_not_looked_at() -> None:
    def refuse() -> Any:
        raise AssertionError("was loaded")

    session, user = SimpleLazyObject(refuse), SimpleLazyObject(refuse)
    request = make_request(make_scope(session=session, user=user), "get")
    assert request.session is session  # type: ignore[comparison-overlap]
    assert request.user is user  # type: ignore[comparison-overlap]


@pytest.mark.django_db
def test_session_and_user_are_found_through_the_cookie() -> None:
    user = User.objects.create_user("ann")
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.create()
    headers = [(b"cookie", f"sessionid={session.session_key}".encode())]
    request = make_request(make_scope(headers=headers), "get")
    assert request.user == user
    assert request.session["_auth_user_id"] == str(user.pk)


@pytest.mark.django_db
def test_no_cookie_is_nobody() -> None:
    request = make_request(make_scope(), "get")
    assert request.user == AnonymousUser()
    assert not request.session.keys()


@pytest.mark.django_db
def test_cookie_name_and_engine_are_the_projects() -> None:
    with override_settings(
        SESSION_COOKIE_NAME="other",
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    ):
        from django.contrib.sessions.backends import signed_cookies

        stored = signed_cookies.SessionStore()
        stored["color"] = "red"
        stored.save()
        headers = [(b"cookie", f"other={stored.session_key}".encode())]
        request = make_request(make_scope(headers=headers), "get")
        assert request.session["color"] == "red"
