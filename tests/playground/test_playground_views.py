"""What the playground is told by the server."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import clear_script_prefix, include, set_script_prefix
from django.urls import path as url_path
from django.views.generic import RedirectView
from rest_framework.authtoken.models import Token

from chanx import codes
from tests.playground.conftest import PATH

pytestmark = pytest.mark.usefixtures("page_settings")

# A site whose only login is that of the admin.
admin_urls = [url_path("login/", RedirectView.as_view(url="/"), name="login")]
urlpatterns = [
    url_path("chanx/", include("chanx.urls")),
    url_path("staff/", include((admin_urls, "admin"))),
]


def get_data(client: Client, **extra: Any) -> Any:
    response = client.get(PATH, **extra)
    assert response.status_code == 200
    found = re.search(
        r'<script id="chanx-data"[^>]*>(.*?)</script>', response.content.decode(), re.S
    )
    assert found
    return json.loads(found[1])


@pytest.mark.django_db
def test_the_page_says_who_is_logged_in(client: Client) -> None:
    with override_settings(DEBUG=True):
        assert get_data(client)["user"] is None
        client.force_login(User.objects.create_user("ann"))
        assert get_data(client)["user"] == "ann"


@pytest.mark.django_db
def test_who_is_known_otherwise_is_not_logged_in(client: Client) -> None:
    user = User.objects.create_user("ann")
    header = f"Token {Token.objects.create(user=user)}"
    classes = ["rest_framework.authentication.TokenAuthentication"]
    with override_settings(DEBUG=True, REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": classes}):
        assert get_data(client, headers={"Authorization": header})["user"] is None


@pytest.mark.django_db
def test_staff_sees_the_page_without_debug(client: Client) -> None:
    user = User.objects.create_user("ann")
    client.force_login(user)
    assert client.get(PATH).status_code == 403
    user.is_staff = True
    user.save()
    assert get_data(client)["user"] == "ann"


@override_settings(DEBUG=True)
def test_every_close_code_is_explained(client: Client) -> None:
    assert get_data(client)["close_codes"] == {
        str(key): text for key, text in codes.MEANINGS.items()
    }


@pytest.mark.parametrize(
    ("setting", "link"),
    [
        ("/nowhere/", None),
        ("no-such-name", None),
        ("websocket_reference", f"/chanx/?next={PATH}"),
        ("https://login.example/?from=chat", f"https://login.example/?from=chat&next={PATH}"),
    ],
)
@override_settings(DEBUG=True)
def test_the_link_to_sign_in_leads_somewhere(
    client: Client, setting: str, link: str | None
) -> None:
    with override_settings(LOGIN_URL=setting):
        assert get_data(client)["login_url"] == link


@override_settings(DEBUG=True, LOGIN_URL="/nowhere/", ROOT_URLCONF=__name__)
def test_the_admin_is_where_to_sign_in_if_nothing_else_is(client: Client) -> None:
    assert get_data(client)["login_url"] == f"/staff/login/?next={PATH}"


@pytest.mark.parametrize("secure", [False, True])
@override_settings(DEBUG=True)
def test_sockets_are_where_the_page_is(client: Client, secure: bool) -> None:
    scheme = "wss" if secure else "ws"
    assert get_data(client, secure=secure)["server"] == f"{scheme}://testserver"


@pytest.fixture
def prefix() -> Iterator[str]:
    """A prefix, which servers set and the test client does not."""
    set_script_prefix("/app/")
    yield "/app"
    clear_script_prefix()


@override_settings(DEBUG=True, FORCE_SCRIPT_NAME="/app", LOGIN_URL="websocket_reference")
def test_a_prefix_of_the_site_is_one_of_its_sockets(client: Client, prefix: str) -> None:
    response = client.get(PATH)
    data = get_data(client)
    assert data["server"] == f"ws://testserver{prefix}"
    assert data["login_url"] == f"/app/chanx/?next=/app{PATH}"
    assert "connect-src 'self' ws://testserver;" in response["Content-Security-Policy"]


@override_settings(DEBUG=True, CHANX={"WEBSOCKET_BASE_URL": "wss://sockets.example/v1/"})
def test_sockets_may_be_elsewhere(client: Client) -> None:
    response = client.get(PATH)
    assert get_data(client)["server"] == "wss://sockets.example/v1"
    assert "connect-src 'self' wss://sockets.example;" in response["Content-Security-Policy"]
