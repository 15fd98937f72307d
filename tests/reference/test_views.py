"""The page over HTTP: who sees it, and what it says."""

import re
from html import unescape
from typing import Any, Literal

import pytest
from channels.routing import ProtocolTypeRouter, URLRouter
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.urls import reverse
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.routing import path
from chanx.utils.settings import settings_context
from tests.description.site import Consumer

pytestmark = [pytest.mark.usefixtures("page_settings"), pytest.mark.django_db]

PATH = "/chanx/"

empty = ProtocolTypeRouter({"websocket": URLRouter([])})
alike = ProtocolTypeRouter(
    {
        "websocket": URLRouter(
            [
                path(f"{name}/", Consumer.as_asgi(), name=name)
                for name in ("a", "a-title", "a title")
            ]
        )
    }
)


class HasHeader(BasePermission):
    """Lets in who knows the word."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Look for it."""
        return request.headers.get("x-word") == "please"


def get_page() -> str:
    with override_settings(DEBUG=True):
        response = Client().get(PATH)
    assert response.status_code == 200
    return response.content.decode()


def get_text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def test_view_has_a_name() -> None:
    assert reverse("websocket_reference") == PATH


def test_elsewhere_only_staff_sees_it() -> None:
    client = Client()
    user = User.objects.create_user("ann")
    for _ in range(2):  # anonymous, then an ordinary user
        response = client.get(PATH)
        assert response.status_code == 403
        assert b"Drawing" not in response.content
        client.force_login(user)
    user.is_staff = True
    user.save()
    response = client.get(PATH)
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-cache"


def test_refusal_is_a_page_of_the_site() -> None:
    templates: list[dict[str, Any]] = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    (
                        "django.template.loaders.locmem.Loader",
                        {"403.html": "Not for you, says the site"},
                    )
                ]
            },
        }
    ]
    with override_settings(TEMPLATES=templates):
        response = Client().get(PATH)
    assert response.status_code == 403
    assert response.content == b"Not for you, says the site"


@pytest.mark.parametrize("permission", [HasHeader, f"{__name__}.HasHeader"])
def test_who_may_see_it_is_a_setting(permission: Any) -> None:
    with settings_context(DOCUMENTATION_PERMISSIONS=[permission]):
        assert Client().get(PATH).status_code == 403
        assert Client().get(PATH, headers={"x-word": "please"}).status_code == 200


@override_settings(DEBUG=True, ASGI_APPLICATION="tests.description.broken_site.application")
def test_site_that_cannot_be_described_says_why() -> None:
    response = Client().get(PATH)
    assert response.status_code == 500
    text = get_text(response.content.decode())
    assert "The API cannot be described" in text
    assert "tests.description.broken_site" in text
    assert "manage.py check" in text
    for command in ("check", "asyncapi"):
        with pytest.raises(CommandError, match=r"tests\.description\.broken_site"):
            call_command(command)


@override_settings(ASGI_APPLICATION=f"{__name__}.empty")
def test_site_without_endpoints_says_what_to_do() -> None:
    text = get_text(get_page())
    assert "No endpoints yet" in text
    assert "ASGI_APPLICATION" in text


def test_policy_forbids_what_stands_in_the_page() -> None:
    html = get_page()
    assert "<style" not in html
    assert not re.search(r"\s(?:style|on\w+)=", html)
    for script in re.findall(r"<script[^>]*>", html):
        assert "src=" in script


def test_texts_are_escaped() -> None:
    html = get_page()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(&quot;docs&quot;)&lt;/script&gt;" in html
    assert "größe &lt;b&gt;" in html


@pytest.mark.parametrize("application", ["tests.description.site.application", f"{__name__}.alike"])
def test_identifiers_are_unique_and_links_lead_somewhere(application: str) -> None:
    with override_settings(ASGI_APPLICATION=application):
        html = get_page()
    found = re.findall(r'\sid="([^"]*)"', html)
    assert len(found) == len(set(found))
    assert {unescape(each) for each in re.findall(r'href="#([^"]*)"', html)} <= set(found)


def test_what_it_says_of_endpoints() -> None:
    text = get_text(get_page())
    for part in [
        "DrawingConsumer",
        "drawing by name",
        "größe ändern",
        "ws://testserver /ws/drawings/ {number} / {key} /",
        "A drawing that many work at.",
        "Users who are logged in, by any one of these",
        "Anybody: the endpoint does not ask who they are.",
        "StampAuthentication Believes the stamp on the envelope.",
        "erase or wipe",
        "EraseMessage has an example (number 3) that does not validate",
        "Half of the width.",
        "Query parameters",
        "This consumer is not of chanx ( tests.description.site.PlainConsumer )",
        "Subprotocols: chanx , chanx.heartbeat",
        "It may send others",
        "deprecated",
    ]:
        assert part in text
    assert "HiddenConsumer" not in text


def test_links_to_the_playground_name_the_endpoint() -> None:
    html = get_page()
    path = reverse("websocket_playground")
    assert f'href="{path}?endpoint=drawing%20by%20name"' in html
    assert f"{path}?endpoint=PlainConsumer" not in html


def test_names_are_those_of_the_wire() -> None:
    with settings_context(CAMELIZE=True, MESSAGE_ACTION_KEY="kind_of"):
        text = get_text(get_page())
    assert "radiusInMm" in text
    assert "radius_in_mm" not in text
    assert "their kind_of says which one it is" in text


class NumberMessage(BaseMessage):
    action: Literal[12345] = 12345
    payload: None = None


class NumberIncoming(BaseIncomingMessage):
    message: NumberMessage


class NumberConsumer(Consumer):
    INCOMING_MESSAGE_SCHEMA = NumberIncoming


numbers = ProtocolTypeRouter({"websocket": URLRouter([path("n/", NumberConsumer.as_asgi())])})


@override_settings(
    ASGI_APPLICATION=f"{__name__}.numbers", USE_THOUSAND_SEPARATOR=True, LANGUAGE_CODE="de"
)
def test_numbers_are_those_of_the_wire() -> None:
    html = get_page()
    assert '<code class="action">12345</code>' in html
    assert "<code>4401</code>" in html
    assert not re.search(r"\b(?:12|4)[.,]\d{3}\b", get_text(html))


def test_server_is_that_of_the_setting() -> None:
    with settings_context(WEBSOCKET_BASE_URL="wss://sockets.example.com/"):
        assert "wss://sockets.example.com/ws/drawings/example/" in get_page()
