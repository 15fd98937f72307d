"""The list of endpoints for programs."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import reverse

from chanx.utils.settings import settings_context

pytestmark = [pytest.mark.usefixtures("site_settings"), pytest.mark.django_db]

URL = "/chanx/playground/websocket-info/"


def get(**options: Any) -> dict[str, Any]:
    with override_settings(DEBUG=True):
        response = Client().get(URL, **options)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    return {each["name"]: each for each in response.json()}


def test_it_has_a_name() -> None:
    assert reverse("websocket_info") == URL


def test_each_endpoint_has_the_keys_of_the_contract() -> None:
    found = get()
    assert list(found)[:2] == ["DrawingConsumer", "drawing by name"]
    for each in found.values():
        assert list(each) == [
            "name",
            "url",
            "friendly_url",
            "description",
            "message_examples",
            "path_params",
        ]
        for example in each["message_examples"]:
            assert list(example) == ["name", "description", "example"]
        for parameter in each["path_params"]:
            assert list(parameter) == ["name", "pattern", "description"]


def test_urls_name_the_parameters() -> None:
    found = get()
    by_name = found["drawing by name"]
    assert by_name["url"] == "ws://testserver/ws/drawings/(?P<name>[-a-zA-Z0-9_]+)/"
    assert by_name["friendly_url"] == "ws://testserver/ws/drawings/:name/"
    assert by_name["path_params"] == [
        {
            "name": "name",
            "pattern": "[-a-zA-Z0-9_]+",
            "description": "Letters, digits, - and _.",
        }
    ]
    assert found["PlainConsumer"]["url"] == "ws://testserver/ws/plain/"
    assert found["größe ändern"]["friendly_url"] == "ws://testserver/ws/alt/:größe/"


def test_url_is_a_regular_expression_of_the_urls_it_stands_for() -> None:
    for each in get().values():
        pattern = re.compile(each["url"])
        assert [each["name"] for each in each["path_params"]] == list(pattern.groupindex)


def test_server_is_that_of_the_request_or_the_setting() -> None:
    assert get(secure=True)["PlainConsumer"]["url"].startswith("wss://testserver/")
    with settings_context(WEBSOCKET_BASE_URL="wss://sockets.example.com/"):
        assert get()["PlainConsumer"]["url"] == "wss://sockets.example.com/ws/plain/"


def test_examples_are_what_clients_send() -> None:
    examples = get()["DrawingConsumer"]["message_examples"]
    assert [each["name"] for each in examples] == [
        "PingMessage",
        "DrawMessage",
        "EraseMessage 1",
        "EraseMessage 2",
        "AuthenticateMessage",
        "PongMessage",
    ]
    assert examples[1]["description"] == "Draws a shape.\n\nOthers are told of it."
    assert examples[2]["example"] == {"action": "erase", "payload": 3}


def test_description_is_the_whole_text() -> None:
    assert get()["DrawingConsumer"]["description"] == (
        'A drawing that many work at.\n\nWith <script>alert("docs")</script> in its *description*.'
    )


def test_consumer_that_is_not_of_chanx_has_no_examples() -> None:
    plain = get()["PlainConsumer"]
    assert (plain["message_examples"], plain["path_params"]) == ([], [])


def test_only_staff_sees_it() -> None:
    client = Client()
    assert client.get(URL).status_code in (401, 403)
    client.force_login(User.objects.create_user("ann", is_staff=True))
    assert client.get(URL).status_code == 200


@override_settings(DEBUG=True, ASGI_APPLICATION="tests.nowhere.application")
def test_application_that_cannot_be_imported_is_named() -> None:
    response = Client().get(URL)
    assert response.status_code == 500
    assert "'tests.nowhere.application' cannot be loaded" in response.json()["detail"]
