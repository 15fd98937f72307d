"""What a description says of ways in is true: each is gone, as it says, by a client."""

from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authentication import (
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.authtoken.models import Token
from rest_framework.permissions import IsAuthenticated
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import AccessToken

from chanx.description.endpoints import describe
from chanx.description.security import SecurityScheme
from chanx.routing import path
from chanx.testing import WebsocketCommunicator
from tests.description.site import Consumer, as_asgi, describe_routes

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "secret"
CLASSES = (SessionAuthentication, TokenAuthentication, JWTAuthentication, BasicAuthentication)


def make_consumer(classes: tuple[Any, ...], **attributes: Any) -> Any:
    return type(
        "GuardedConsumer",
        (Consumer,),
        {
            "authentication_classes": classes,
            "permission_classes": (IsAuthenticated,),
            "token_transports": ("header", "subprotocol", "query", "message"),
            **attributes,
        },
    )


def get_schemes(consumer: Any) -> tuple[SecurityScheme, ...]:
    (endpoint,) = describe_routes(path("a/", as_asgi(consumer))).endpoints
    assert endpoint.needs_login
    return endpoint.security


@async_to_sync
async def get_status(consumer: Any, scheme: SecurityScheme, secret: str) -> int:
    """Return how authentication ends for a client that does what the scheme says."""
    headers: list[tuple[bytes, bytes]] = []
    subprotocols: list[str] = []
    url = "/"
    token = f"{scheme.scheme} {secret}" if scheme.needs_scheme else secret
    match scheme.location:
        case "cookie":
            headers.append((b"cookie", f"{scheme.parameter}={secret}".encode()))
        case "header":
            headers.append((b"authorization", f"{scheme.scheme} {secret}".encode()))
        case "subprotocol":
            encoded = urlsafe_b64encode(token.encode()).decode().rstrip("=")
            subprotocols = ["chanx", f"chanx.bearer.{encoded}"]
        case "query":
            url = f"/?{scheme.parameter}={quote(token)}"
    client = WebsocketCommunicator(
        consumer.as_asgi(), url, headers=headers, subprotocols=subprotocols
    )
    _, selected = await client.connect()
    assert selected == ("chanx" if subprotocols else None)
    if scheme.location == "message":
        await client.send_json_to({"action": "authenticate", "payload": {"token": token}})
    message = await client.receive_json_from()
    await client.disconnect_if_running()
    assert message["action"] == "authentication"
    return int(message["payload"]["status_code"])


def get_secret(user: User, scheme: SecurityScheme) -> str:
    match scheme.kind:
        case "session":
            client = Client()
            client.force_login(user)
            return str(client.cookies[str(scheme.parameter)].value)
        case "basic":
            return b64encode(f"{user.username}:{PASSWORD}".encode()).decode()
    return str(AccessToken.for_user(user) if scheme.is_jwt else Token.objects.get(user=user).key)


@pytest.mark.parametrize("classes", [CLASSES, CLASSES[::-1]], ids=["session first", "basic first"])
def test_each_way_that_is_described_leads_in(classes: tuple[Any, ...]) -> None:
    user = User.objects.create_user("ann", password=PASSWORD)
    Token.objects.create(user=user)
    consumer = make_consumer(classes)
    schemes = get_schemes(consumer)
    assert len(schemes) == 10
    for scheme in schemes:
        assert get_status(consumer, scheme, get_secret(user, scheme)) == 200, scheme.name
        if scheme.kind != "session":  # of which it is not known that there was one
            assert get_status(consumer, scheme, "wrong") in (401, 403), scheme.name


def test_transports_that_are_not_described_lead_nowhere() -> None:
    user = User.objects.create_user("ann")
    Token.objects.create(user=user)
    everything = get_schemes(make_consumer((TokenAuthentication,)))
    consumer = make_consumer((TokenAuthentication,), token_transports=("subprotocol",))
    described = {each.location for each in get_schemes(consumer)}
    assert described == {"subprotocol"}
    for scheme in everything:
        if scheme.location in ("header", "query"):
            assert get_status(consumer, scheme, get_secret(user, scheme)) == 401


def test_what_needs_no_login_lets_anybody_in() -> None:
    consumer = make_consumer((TokenAuthentication,), permission_classes=())
    (endpoint,) = describe(as_asgi(consumer)).endpoints
    assert not endpoint.needs_login
    nobody = SecurityScheme("nobody", "custom", None, "")
    assert get_status(consumer, nobody, "") == 200
