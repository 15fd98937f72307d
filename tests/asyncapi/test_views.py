"""The document over HTTP."""

import sys
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import reverse
from rest_framework.authtoken.models import Token
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from chanx.asyncapi.document import make_site_document
from chanx.utils.settings import settings_context

pytestmark = [pytest.mark.usefixtures("site_settings"), pytest.mark.django_db]

PATHS = {"json": "/chanx/asyncapi.json", "yaml": "/chanx/asyncapi.yaml"}


class HasHeader(BasePermission):
    """Lets in who knows the word."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Look for it."""
        return request.headers.get("x-word") == "please"


def get_status(**options: Any) -> int:
    return Client().get(PATHS["json"], **options).status_code


@override_settings(DEBUG=True)
def test_document_is_served_in_development() -> None:
    response = Client().get(PATHS["json"])
    assert response.status_code == 200
    assert response["Content-Type"] == "application/vnd.aai.asyncapi+json; version=3.0.0"
    assert "private" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response.json() == make_site_document()
    response = Client().get(PATHS["yaml"])
    assert response["Content-Type"] == "application/vnd.aai.asyncapi+yaml; version=3.0.0"
    assert yaml.safe_load(response.content) == make_site_document()


def test_views_have_names() -> None:
    assert {name: reverse(f"asyncapi_{name}") for name in PATHS} == PATHS


@pytest.mark.parametrize("path", PATHS.values())
def test_elsewhere_only_staff_sees_it(path: str) -> None:
    client = Client()
    assert client.get(path).status_code in (401, 403)
    user = User.objects.create_user("ann")
    client.force_login(user)
    assert client.get(path).status_code == 403
    user.is_staff = True
    user.save()
    assert client.get(path).status_code == 200


def test_session_serves_beside_the_authentication_of_the_project() -> None:
    user = User.objects.create_user("ann", is_staff=True)
    client = Client()
    client.force_login(user)
    with override_settings(
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"]
        }
    ):
        assert client.get(PATHS["json"]).status_code == 200
        token = Token.objects.create(user=user)
        assert get_status(headers={"Authorization": f"Token {token}"}) == 200
        assert get_status(headers={"Authorization": "Token wrong"}) == 401


@pytest.mark.parametrize("permission", [HasHeader, f"{__name__}.HasHeader"])
def test_who_may_see_it_is_a_setting(permission: Any) -> None:
    with settings_context(DOCUMENTATION_PERMISSIONS=[permission]):
        assert get_status() == 403
        assert get_status(headers={"x-word": "please"}) == 200


def test_refusal_says_nothing_of_the_api() -> None:
    assert b"Drawing" not in Client().get(PATHS["json"]).content


@override_settings(DEBUG=True)
def test_other_methods_are_refused() -> None:
    assert Client().post(PATHS["json"]).status_code == 405


@override_settings(DEBUG=True)
@pytest.mark.parametrize("wanted", ["application/vnd.aai.asyncapi+json", "text/html", "x/y"])
def test_what_is_asked_for_is_not_looked_at(wanted: str) -> None:
    assert get_status(headers={"Accept": wanted}) == 200
    with override_settings(DEBUG=False):
        response = Client().get(PATHS["json"], headers={"Accept": wanted})
        assert response.status_code in (401, 403)
        assert list(response.json()) == ["detail"]


@override_settings(DEBUG=True, ASGI_APPLICATION="tests.description.broken_site.application")
@pytest.mark.parametrize("path", PATHS.values())
def test_application_that_cannot_be_imported_is_named(path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 500
    assert "cannot be loaded" in response.json()["detail"]


@override_settings(DEBUG=True)
def test_yaml_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    response = Client().get(PATHS["yaml"])
    assert response.status_code == 500
    assert "pip install PyYAML" in response.json()["detail"]
    assert get_status() == 200


@override_settings(DEBUG=True)
def test_hook_that_cannot_be_imported_is_named() -> None:
    with settings_context(ASYNCAPI_HOOK="tests.nowhere.change"):
        response = Client().get(PATHS["json"])
    assert response.status_code == 500
    assert "CHANX['ASYNCAPI_HOOK'] is 'tests.nowhere.change'" in response.json()["detail"]
