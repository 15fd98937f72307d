"""Ways in, as the authentication classes have them."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib import auth
from django.test import override_settings
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    RemoteUserAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.permissions import (
    AllowAny,
    BasePermission,
    DjangoModelPermissions,
    DjangoModelPermissionsOrAnonReadOnly,
    IsAdminUser,
    IsAuthenticated,
    IsAuthenticatedOrReadOnly,
)
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication

from chanx.description.security import describe_authenticator, describe_security, needs_login
from chanx.generic.authenticator import AuthenticationResult, ChanxWebsocketAuthenticator

ALL = ("header", "subprotocol", "query", "message")


class KeyAuthentication(BaseAuthentication):
    """Looks for a key.

    In a header of its own.
    """

    def authenticate(self, request: Request) -> None:
        """Find nobody."""


class BearerAuthentication(TokenAuthentication):
    keyword = "Bearer"


class ChallengingAuthentication(BaseAuthentication):
    def authenticate_header(self, request: Request) -> str:
        """Ask for a token."""
        return 'Bearer realm="api"'


class FailingAuthentication(BaseAuthentication):
    def authenticate_header(self, request: Request) -> str:
        """Fail."""
        raise RuntimeError("needs more than that")


def find(*classes: Any, transports: Any = ALL) -> list[tuple[Any, ...]]:
    return [
        (each.name, each.kind, each.location, each.parameter, each.scheme)
        for each in describe_security(classes, transports)
    ]


@override_settings(SESSION_COOKIE_NAME="sid")
def test_session_is_a_cookie_of_the_name_that_is_set() -> None:
    assert find(SessionAuthentication) == [("session", "session", "cookie", "sid", None)]


def test_basic_needs_the_header() -> None:
    assert find(BasicAuthentication) == [("basic", "basic", "header", "Authorization", "Basic")]
    assert find(BasicAuthentication, transports=("subprotocol",)) == []


def test_token_has_one_way_for_each_transport() -> None:
    assert find(TokenAuthentication) == [
        ("token", "token", "header", "Authorization", "Token"),
        ("token_subprotocol", "token", "subprotocol", "Sec-WebSocket-Protocol", "Token"),
        ("token_query", "token", "query", "token", "Token"),
        ("token_message", "token", "message", None, "Token"),
    ]
    assert find(TokenAuthentication, transports=()) == []


@pytest.mark.parametrize(
    ("authentication", "name", "is_jwt"),
    [
        (JWTAuthentication, "jwt", True),
        (BearerAuthentication, "bearer", False),
        (ChallengingAuthentication, "bearer", False),
    ],
)
def test_word_before_a_token_is_read(authentication: Any, name: str, is_jwt: bool) -> None:
    (scheme,) = describe_security([authentication], ["header"])
    assert (scheme.name, scheme.scheme, scheme.is_jwt) == (name, "Bearer", is_jwt)


@pytest.mark.parametrize(
    ("authentication", "text"),
    [
        (KeyAuthentication, "Looks for a key.\n\nIn a header of its own."),
        (FailingAuthentication, "A way of this site's own: FailingAuthentication."),
        (RemoteUserAuthentication, "REMOTE_USER authentication."),
    ],
)
def test_other_classes_are_custom_and_say_what_they_are(authentication: Any, text: str) -> None:
    (scheme,) = describe_security([authentication], ALL)
    assert (scheme.kind, scheme.location, scheme.name) == (
        "custom",
        None,
        authentication.__name__,
    )
    assert scheme.description.startswith(text)


def test_the_same_way_is_named_once_and_what_is_no_class_not_at_all() -> None:
    assert len(find(SessionAuthentication, SessionAuthentication, "session")) == 1


def test_token_of_a_later_class_needs_its_word_in_other_places_than_the_header() -> None:
    """The word that a bare token gets is that of the first class which has one."""
    schemes = describe_security(
        [SessionAuthentication, TokenAuthentication, JWTAuthentication], ALL
    )
    assert {each.name for each in schemes if each.needs_scheme} == {
        "jwt_subprotocol",
        "jwt_query",
        "jwt_message",
    }
    texts = {each.name: each.description for each in schemes}
    assert texts["jwt_message"] == (
        'A JSON Web Token behind the word "Bearer" and a space, in the first message, whose action '
        'is "authenticate".'
    )
    assert texts["token_message"] == 'A token in the first message, whose action is "authenticate".'


class Deciding(ChanxWebsocketAuthenticator):
    """Lets in whoever has a ticket."""

    async def authenticate(self, scope: Any) -> AuthenticationResult:
        """Look for the ticket."""
        return AuthenticationResult(True, 200, "OK")


class Adding(ChanxWebsocketAuthenticator):
    async def authenticate(self, scope: Any) -> AuthenticationResult:
        """Ask the classes, too."""
        return await super().authenticate(scope)


class Asking(ChanxWebsocketAuthenticator):
    """Asks Django's own function, whose name is the same."""

    async def authenticate(self, scope: Any) -> AuthenticationResult:
        user = await sync_to_async(auth.authenticate)(username="ann")
        return AuthenticationResult(user is not None, 200, "OK")


class Expiring(ChanxWebsocketAuthenticator):
    """Decides nothing."""

    def get_expiry(self, request: Request) -> float | None:
        """Never."""
        return None


@pytest.mark.parametrize(
    ("authenticator", "name", "asks_classes"),
    [
        (ChanxWebsocketAuthenticator, None, True),
        (Expiring, None, True),
        (Adding, "Adding", True),
        (Asking, "Asking", False),
        (Deciding, "Deciding", False),
    ],
)
def test_authenticator_of_the_site(
    authenticator: Any, name: str | None, asks_classes: bool
) -> None:
    own, asks = describe_authenticator(authenticator)
    assert (own.name if own else None, asks) == (name, asks_classes)


def test_authenticator_of_the_site_says_what_it_is() -> None:
    own, _ = describe_authenticator(Deciding)
    assert own is not None
    assert own.description == "Lets in whoever has a ticket."
    own, _ = describe_authenticator(Adding)
    assert own is not None
    assert own.description == "A way of this site's own: Adding."


@pytest.mark.parametrize(
    ("permission", "method", "expected"),
    [
        (IsAuthenticatedOrReadOnly, "post", True),
        (IsAuthenticatedOrReadOnly, "options", False),
        (DjangoModelPermissionsOrAnonReadOnly, "delete", True),
        (IsAuthenticated, "post", True),
        (AllowAny, "post", False),
    ],
)
def test_login_may_depend_on_the_method(permission: Any, method: str, expected: bool) -> None:
    assert needs_login([permission], method) is expected


class OpenSometimes(IsAuthenticated):
    """Decides for itself, and its base is not asked."""

    def has_permission(self, request: Any, view: Any) -> bool:
        """Let everybody in."""
        return True


class StaffOfTheHouse(IsAdminUser):
    """Looks at objects as well."""

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        """Refuse."""
        return False


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        (IsAuthenticated, True),
        (IsAdminUser, True),
        (DjangoModelPermissions, True),
        (DjangoModelPermissionsOrAnonReadOnly, False),
        (AllowAny, False),
        (BasePermission, False),
        (IsAuthenticatedOrReadOnly, False),
        (IsAuthenticated & BasePermission, True),
        (BasePermission & IsAdminUser, True),
        (IsAuthenticated | AllowAny, False),
        (IsAuthenticated | IsAdminUser, True),
        (~IsAuthenticated, False),
        (OpenSometimes, False),
        (StaffOfTheHouse, True),
        ("IsAuthenticated", False),
    ],
)
def test_login_is_needed_where_a_permission_is_known_to_refuse(
    permission: Any, expected: bool
) -> None:
    assert needs_login([permission]) is expected
    assert needs_login([AllowAny, permission]) is expected
