"""Who gets in, and how much of the site's own configuration the pages put up with."""

from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.versioning import AcceptHeaderVersioning
from rest_framework.views import APIView

from chanx.utils.settings import settings_context

pytestmark = [pytest.mark.usefixtures("page_settings"), pytest.mark.django_db]

PAGES = ["/chanx/", "/chanx/playground/websocket/"]
PATHS = [*PAGES, "/chanx/asyncapi.json", "/chanx/playground/websocket-info/"]

urlpatterns = [
    path("<slug:tenant>/chanx/", include("chanx.urls")),
    path("login/", lambda request: HttpResponse("Who are you?")),
]


class Hides(BasePermission):
    """Says that there is nothing."""

    error: type[Exception] = NotFound

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raise."""
        raise self.error


class HidesAsDjango(Hides):
    """Says so in Django's words."""

    error = Http404


class Breaks(Hides):
    """Is broken."""

    error = RuntimeError


def get_policy(page: str = PAGES[0]) -> dict[str, str]:
    with override_settings(DEBUG=True):
        header = Client().get(page)["Content-Security-Policy"]
    return dict(part.split(" ", 1) for part in header.split("; "))


@pytest.mark.parametrize("url", PATHS)
@override_settings(DEBUG=True)
def test_what_api_views_do_by_default_does_not_matter(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # REST_FRAMEWORK is read when DRF is imported, into attributes of APIView.
    monkeypatch.setattr(APIView, "renderer_classes", [JSONRenderer])
    monkeypatch.setattr(APIView, "versioning_class", AcceptHeaderVersioning)
    for accepted in ("text/html", "text/html; version=9", "x/y"):
        response = Client().get(url, headers={"Accept": accepted})
        assert response.status_code == 200


@pytest.mark.parametrize("url", PATHS)
def test_wrong_credentials_keep_nobody_out_in_development(url: str) -> None:
    headers = {"Authorization": "Basic !!!"}
    with override_settings(DEBUG=True):
        assert Client().get(url, headers=headers).status_code == 200
    assert Client().get(url, headers=headers).status_code in (401, 403)


@pytest.mark.parametrize("url", PATHS)
@pytest.mark.parametrize("method", ["get", "head", "options", "post", "put", "delete"])
def test_refusals_tell_nothing_whatever_the_method(url: str, method: str) -> None:
    response = getattr(Client(), method)(url)
    assert response.status_code in (401, 403)
    assert b"Drawing" not in response.content
    assert b"AsyncAPI" not in response.content


@override_settings(DEBUG=True)
@pytest.mark.parametrize("page", PAGES)
def test_pages_of_an_app_that_is_not_installed_say_so(page: str) -> None:
    apps = [each for each in settings.INSTALLED_APPS if each != "chanx"]
    with (
        override_settings(INSTALLED_APPS=apps),
        pytest.raises(ImproperlyConfigured, match='need "chanx" in INSTALLED_APPS'),
    ):
        Client().get(page)


@override_settings(DEBUG=True)
@pytest.mark.parametrize(
    ("room", "page"),
    [
        ("reference", ""),
        ("asyncapi", "asyncapi.json"),
        ("playground", "websocket/"),
        ("playground", "websocket-info/"),
    ],
)
def test_each_may_be_included_alone(room: str, page: str) -> None:
    module = ModuleType("alone")
    module.urlpatterns = [path("docs/", include(f"chanx.{room}.urls"))]  # type: ignore[attr-defined]  # as Django reads it
    with override_settings(ROOT_URLCONF=module):
        assert Client().get(f"/docs/{page}").status_code == 200


@override_settings(DEBUG=True)
def test_yaml_is_offered_where_it_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert b"asyncapi.yaml" in Client().get(PAGES[0]).content
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert b"asyncapi.yaml" not in Client().get(PAGES[0]).content


@override_settings(ROOT_URLCONF=__name__, LOGIN_URL="/login/")
@pytest.mark.parametrize("url", PAGES)
def test_whom_the_pages_do_not_know_may_log_in_first(url: str) -> None:
    client, url = Client(), f"/acme{url}"
    response = client.get(f"{url}?endpoint=a&p.b=c")
    wanted = f"/login/?next={url}%3Fendpoint%3Da%26p.b%3Dc"  # links lead to where they should
    assert (response.status_code, response["Location"]) == (302, wanted)
    assert client.post(url).status_code == 403
    client.force_login(User.objects.create_user("ann"))
    assert client.get(url).status_code == 403


@pytest.mark.parametrize("url", PATHS)
def test_permission_may_say_that_nothing_is_there(url: str) -> None:
    for permission in (Hides, HidesAsDjango):
        with settings_context(DOCUMENTATION_PERMISSIONS=[permission]):
            response = Client().get(url)
        assert response.status_code == 404
        is_page = url in PAGES
        assert response["Content-Type"].startswith("text/html" if is_page else "application/json")


@pytest.mark.parametrize("url", PATHS)
def test_permission_that_breaks_lets_nobody_in(url: str) -> None:
    with settings_context(DOCUMENTATION_PERMISSIONS=[Breaks]):
        response = Client(raise_request_exception=False).get(url)
    assert response.status_code == 500
    assert b"Drawing" not in response.content


@pytest.mark.parametrize("url", PATHS)
@pytest.mark.parametrize("value", ["", {}, None, 0])
def test_setting_that_is_no_list_lets_nobody_in(url: str, value: Any) -> None:
    with settings_context(DOCUMENTATION_PERMISSIONS=value):
        response = Client(raise_request_exception=False).get(url)
    assert response.status_code == 500
    for word in (b"Drawing", b"DOCUMENTATION_PERMISSIONS"):  # which is for those who may see it
        assert word not in response.content


@override_settings(ALLOWED_HOSTS=["*"], DEBUG=True)
@pytest.mark.parametrize(
    "host", ["a.example;script-src *", "a.example\nX: 1", 'a"><script>', "a b"]
)
def test_hostile_host_is_refused(host: str) -> None:
    for page in PAGES:
        assert Client().get(page, headers={"Host": host}).status_code == 400


@override_settings(
    USE_X_FORWARDED_HOST=True,
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    ALLOWED_HOSTS=["shop.example"],
)
def test_proxy_says_where_the_sockets_are() -> None:
    headers = {"X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https"}
    with override_settings(DEBUG=True):
        response = Client().get(PAGES[0], headers=headers)
    assert "connect-src 'self' wss://shop.example;" in response["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("wss://a.example:8443", "wss://a.example:8443"),
        ("wss://a.example/sockets/v1/", "wss://a.example"),
        ("ws://[::1]:8000", "ws://[::1]:8000"),
        ("wss://bücher.example", "wss://xn--bcher-kva.example"),
    ],
)
def test_policy_names_the_host_of_the_sockets(url: str, wanted: str) -> None:
    with settings_context(WEBSOCKET_BASE_URL=url):
        assert get_policy()["connect-src"] == f"'self' {wanted}"


@pytest.mark.parametrize(
    "url",
    [
        "wss://a.example;script-src *",
        "wss://a.example\r\nX-Evil: 1",
        "wss://user:secret@a.example",
        "wss://a.example/ b",
        "wss://a.example:port",
        "wss://bücher..example",
        "wss://a.example?a=b",
        "https://a.example",
    ],
)
@override_settings(DEBUG=True)
def test_address_that_is_none_is_named(url: str) -> None:
    with settings_context(WEBSOCKET_BASE_URL=url):
        for page in PAGES:
            response = Client().get(page)
            assert response.status_code == 500
            assert "WEBSOCKET_BASE_URL" in response.content.decode()
            assert "connect-src 'self';" in response["Content-Security-Policy"]
        response = Client().get("/chanx/playground/websocket-info/")
        assert response.status_code == 500
        assert "WEBSOCKET_BASE_URL" in response.json()["detail"]


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("/static/", "'self'"),
        ("static/", "'self'"),
        ("https://files.example/static/", "'self' https://files.example"),
        ("//files.example/static/", "'self' files.example"),
    ],
)
def test_policy_names_the_host_of_static_files(url: str, wanted: str) -> None:
    with override_settings(STATIC_URL=url):
        policy = get_policy()
    assert policy["script-src"] == policy["style-src"] == policy["img-src"] == wanted


def test_policy_of_the_site_does_not_replace_that_of_the_page() -> None:
    csp = pytest.importorskip("django.middleware.csp", reason="Django 6 has it")
    middleware = f"{csp.__name__}.ContentSecurityPolicyMiddleware"
    before = get_policy()
    with override_settings(
        MIDDLEWARE=[middleware], SECURE_CSP={"default-src": ["'none'"], "script-src": ["*"]}
    ):
        assert get_policy() == before


@override_settings(ROOT_URLCONF=__name__, DEBUG=True)
def test_pages_below_a_prefix_with_parameters_find_each_other() -> None:
    html = Client().get("/acme/chanx/").content.decode()
    for url in ("/acme/chanx/playground/websocket/", "/acme/chanx/asyncapi.json"):
        assert f'href="{url}"' in html
