"""What ``manage.py check`` says."""

import io
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Annotated, Any, Literal

import pytest
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings
from django.urls import include as url_include
from django.urls import path as url_path
from django.utils.translation import gettext_lazy
from pydantic import BaseModel, Field, JsonValue, create_model
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission, IsAdminUser, IsAuthenticated
from typing_extensions import TypedDict

from chanx.checks import check_consumers, check_deployment, check_pages, check_settings
from chanx.generic.problems import (
    ConsumerProblem,
    check_consumer,
    find_problems,
    warn_without_app,
)
from chanx.generic.setting_problems import DOCUMENTATION
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.messages.incoming import IncomingMessage
from chanx.routing import path
from tests.app.consumers import OpenConsumer, RoomConsumer
from tests.app.messages import Incoming, Outgoing

Serve = Callable[[Callable[[], Any]], None]


class SiteFinder:
    """Imports the module "site_asgi", whose application a function makes."""

    def __init__(self) -> None:
        self.make: Callable[[], Any] = lambda: None

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Find that module and no other."""
        loader: Any = self
        return ModuleSpec(name, loader) if name == "site_asgi" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make it."""
        return ModuleType(spec.name)

    def exec_module(self, module: Any) -> None:
        """Fill it."""
        module.application = self.make()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Make what a function returns the site's application; the function runs at import."""
    finder = SiteFinder()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])

    def use(make: Callable[[], Any]) -> None:
        finder.make = make

    with override_settings(ASGI_APPLICATION="site_asgi.application"):
        yield use
    sys.modules.pop("site_asgi", None)


def serve_consumer(serve: Serve, make: Callable[[], Any]) -> None:
    def make_application() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return ProtocolTypeRouter({"websocket": URLRouter([path("ws/", make())])})

    serve(make_application)


def get_ids(messages: Iterable[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages if str(message.id).startswith("chanx")]


def run_command() -> str:
    """Return what ``manage.py check`` prints."""
    output = io.StringIO()
    try:
        call_command("check", stdout=output, stderr=output)
    except SystemCheckError as error:
        output.write(str(error))
    return output.getvalue()


# --- checks of settings ---------------------------------------------------------------------------


def test_good_site_has_nothing_to_say(serve: Serve) -> None:
    serve_consumer(serve, RoomConsumer.as_asgi)
    assert get_ids(run_checks()) == []
    assert "no issues" in run_command()


def test_site_without_websockets_has_nothing_to_say() -> None:
    assert check_consumers() == []
    assert check_settings() == []
    for name in ("", None):
        with override_settings(ASGI_APPLICATION=name):
            assert check_consumers() == []


def test_unknown_settings_are_named() -> None:
    with override_settings(CHANX={"CAMELISE": True, "CAMELIZE": True, "OTHER": 1}):
        messages = check_settings()
        assert get_ids(messages) == ["chanx.E011", "chanx.E011"]
        assert "'CAMELISE'" in messages[0].msg
        assert "CAMELIZE" in str(messages[0].hint)
        assert "(chanx.E011)" in run_command()


def test_settings_must_be_a_dictionary() -> None:
    with override_settings(CHANX=["CAMELIZE"]):
        (message,) = check_settings()
        assert message.id == "chanx.E010"
        assert "(chanx.E010)" in run_command()


def changes_nothing(document: Any) -> None:
    """Leave a document as it is."""


NO_FUNCTION = 5


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("WEBSOCKET_BASE_URL", "https://a.example", "must be the URL of a WebSocket server"),
        ("WEBSOCKET_BASE_URL", "ws://[", "must be the URL of a WebSocket server"),
        ("WEBSOCKET_BASE_URL", None, "is None, but must be the URL"),
        ("ASYNCAPI_SERVERS", {"live": "example.com"}, "has 'example.com' for 'live', but must"),
        ("ASYNCAPI_HOOK", "tests.nowhere.change", "'tests.nowhere.change', which cannot be"),
        ("ASYNCAPI_HOOK", f"{__name__}.NO_FUNCTION", "names 5, but must name a function"),
        ("ASYNCAPI_HOOK", 5, "is 5, but must be a function"),
        ("DOCUMENTATION_PERMISSIONS", "IsAdminUser", "is 'IsAdminUser', but must be a list"),
        ("DOCUMENTATION_PERMISSIONS", None, "is None, but must be a list of permission classes"),
        ("DOCUMENTATION_PERMISSIONS", ["a.B"], "holds 'a.B', which cannot be imported"),
        (
            "DOCUMENTATION_PERMISSIONS",
            ["tests.description.broken_site.A"],
            "which cannot be imported: cannot import name 'Rooom'",
        ),
        ("DOCUMENTATION_PERMISSIONS", [f"{__name__}.changes_nothing"], "is no permission class"),
        ("DOCUMENTATION_PERMISSIONS", [IsAuthenticated()], "is no permission class"),
    ],
)
def test_bad_settings_of_the_documentation_are_named(name: str, value: Any, text: str) -> None:
    with override_settings(CHANX={name: value}):
        (message,) = check_settings()
    assert message.id == "chanx.E013"
    assert message.msg.startswith(f"CHANX[{name!r}] ")
    assert text in message.msg


@pytest.mark.parametrize(
    "value",
    [
        {"ASYNCAPI_HOOK": f"{__name__}.changes_nothing", "ASYNCAPI_SERVERS": {"a": "ws://a:80/b"}},
        {"ASYNCAPI_HOOK": changes_nothing, "WEBSOCKET_BASE_URL": "wss://example.com/sockets"},
        {"DOCUMENTATION_PERMISSIONS": []},
        {"ASYNCAPI_TITLE": gettext_lazy("Chat")},
        {"DOCUMENTATION_PERMISSIONS": ["rest_framework.permissions.IsAdminUser", IsAuthenticated]},
        {"DOCUMENTATION_PERMISSIONS": [IsAuthenticated & ~IsAdminUser]},
    ],
)
def test_good_settings_of_the_documentation_are_let_through(value: Any) -> None:
    with override_settings(CHANX=value):
        assert check_settings() == []


# --- checks of pages ------------------------------------------------------------------------------

ENGINE = {"BACKEND": "django.template.backends.django.DjangoTemplates"}
STATIC = "django.contrib.staticfiles"


def check_site_with_pages(
    *,
    finds_templates: bool = True,
    has_static_files: bool = True,
    static_url: str | None = "static/",
    **overrides: Any,
) -> list[CheckMessage]:
    apps = [*settings.INSTALLED_APPS, *([STATIC] if has_static_files else [])]
    site = "tests.description.site"
    given = {"ROOT_URLCONF": site, "ASGI_APPLICATION": f"{site}.application"} | overrides
    with override_settings(
        TEMPLATES=[{**ENGINE, "APP_DIRS": finds_templates}],
        INSTALLED_APPS=apps,
        STATIC_URL=static_url,
        **given,
    ):
        return check_pages()


def test_pages_that_are_included_as_they_should_have_nothing_to_say() -> None:
    assert check_site_with_pages() == []


@pytest.mark.parametrize(
    "patterns",
    [
        [url_path("docs/", url_include(("chanx.urls", "chanx"), namespace="docs"))],
        [url_path("<slug:tenant>/chanx/", url_include("chanx.urls"))],
    ],
)
def test_pages_are_found_in_namespaces_and_under_prefixes(patterns: Any) -> None:
    module = ModuleType("urls")
    module.urlpatterns = patterns  # type: ignore[attr-defined]  # as Django reads it
    found = check_site_with_pages(static_url=None, ROOT_URLCONF=module)
    assert get_ids(found) == ["chanx.W007"]


def test_pages_of_a_site_without_an_application_are_named() -> None:
    (message,) = check_site_with_pages(ASGI_APPLICATION=None)
    assert message.id == "chanx.W008"
    assert "ASGI_APPLICATION is not set" in message.msg


def test_pages_without_a_url_of_static_files_are_named() -> None:
    (message,) = check_site_with_pages(static_url=None)
    assert message.id == "chanx.W007"


def test_pages_without_their_templates_are_named() -> None:
    (message,) = check_site_with_pages(finds_templates=False)
    assert message.id == "chanx.W006"
    assert "websocket_reference" in message.msg
    assert '"APP_DIRS": True' in str(message.hint)


def test_pages_without_static_files_are_named() -> None:
    (message,) = check_site_with_pages(has_static_files=False)
    assert message.id == "chanx.W007"
    assert STATIC in str(message.hint)


def test_site_without_pages_needs_nothing_for_them() -> None:
    with override_settings(ROOT_URLCONF="rest_framework.urls", TEMPLATES=[]):
        assert check_pages() == []


# --- checks of consumers --------------------------------------------------------------------------


class NoSchema(OpenConsumer):
    INCOMING_MESSAGE_SCHEMA = None  # type: ignore[assignment]


class NoContainer(OpenConsumer):
    INCOMING_MESSAGE_SCHEMA = dict  # type: ignore[assignment]


class BareContainer(OpenConsumer):
    INCOMING_MESSAGE_SCHEMA = BaseIncomingMessage


class WrongContainer(OpenConsumer):
    OUTGOING_GROUP_MESSAGE_SCHEMA = IncomingMessage  # type: ignore[assignment]


class WrongDirectContainer(OpenConsumer):
    OUTGOING_MESSAGE_SCHEMA = IncomingMessage  # type: ignore[assignment]


class NoHandler(AsyncJsonWebsocketConsumer[Any]):
    INCOMING_MESSAGE_SCHEMA = Incoming


class UnreadableContainer(BaseIncomingMessage):
    message: "NowhereDefined"  # type: ignore[name-defined]  # noqa: F821


class Unreadable(OpenConsumer):
    INCOMING_MESSAGE_SCHEMA = UnreadableContainer


@pytest.mark.parametrize(
    ("consumer", "id_", "exception", "word"),
    [
        (NoSchema, "E001", ValueError, "INCOMING_MESSAGE_SCHEMA"),
        (NoContainer, "E002", TypeError, "BaseIncomingMessage"),
        (BareContainer, "E002", TypeError, "BaseIncomingMessage"),
        (WrongContainer, "E003", TypeError, "BaseOutgoingGroupMessage"),
        (WrongDirectContainer, "E020", TypeError, "BaseOutgoingMessage"),
        (Unreadable, "E002", TypeError, "NowhereDefined"),
        (NoHandler, "E004", TypeError, "receive_message"),
    ],
)
def test_unusable_consumer_raises_early_and_says_why(
    consumer: Any, id_: str, exception: type[Exception], word: str, serve: Serve
) -> None:
    problem = next(iter(find_problems(consumer)))
    assert problem.id == id_
    for make in (consumer.as_asgi, consumer, lambda: check_consumer(consumer)):
        with pytest.raises(exception, match=rf"{consumer.__name__}.*{word}"):
            make()
    serve_consumer(serve, consumer.as_asgi)
    (message,) = check_consumers()
    assert message.id == "chanx.E012"
    assert consumer.__name__ in message.msg
    assert word in message.msg
    assert word in run_command()


def test_missing_schema_attribute_is_named() -> None:
    class Consumer(AsyncJsonWebsocketConsumer[Any]):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            pass

    with pytest.raises(ValueError, match=r"Consumer\.INCOMING_MESSAGE_SCHEMA is required"):
        Consumer.as_asgi()


class SomePermission(BasePermission):
    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        return True


class PermissionWithoutList(OpenConsumer):
    permission_classes = IsAuthenticated  # type: ignore[assignment]


class ComposedPermissionWithoutList(OpenConsumer):
    permission_classes = IsAuthenticated & SomePermission  # type: ignore[assignment]


class AuthenticationWithoutList(OpenConsumer):
    authentication_classes = SessionAuthentication  # type: ignore[assignment]


class NamedAuthentication(OpenConsumer):
    authentication_classes = ["rest_framework.authentication.SessionAuthentication"]


class CalledPermission(OpenConsumer):
    permission_classes = [IsAuthenticated()]


class MisspeltPermission(OpenConsumer):
    permision_classes = [IsAuthenticated]


class StrangeVerb(OpenConsumer):
    auth_method = "fetch"


class StrangeQueryset(OpenConsumer):
    queryset = "rooms"  # type: ignore[assignment]


class UselessPermission(OpenConsumer):
    permission_classes = (IsAuthenticated | SomePermission,)


@pytest.mark.parametrize(
    ("consumer", "id_", "word"),
    [
        (PermissionWithoutList, "chanx.E005", "permission_classes"),
        (ComposedPermissionWithoutList, "chanx.E005", "permission_classes"),
        (AuthenticationWithoutList, "chanx.E005", "authentication_classes"),
        (NamedAuthentication, "chanx.E005", "SessionAuthentication"),
        (CalledPermission, "chanx.E005", "IsAuthenticated object"),
        (MisspeltPermission, "chanx.W005", "nearly permission_classes"),
        (StrangeVerb, "chanx.E006", "fetch"),
        (StrangeQueryset, "chanx.E007", "rooms"),
        (UselessPermission, "chanx.W001", "SomePermission"),
    ],
)
def test_doubtful_consumer_is_reported(
    consumer: type[OpenConsumer], id_: str, word: str, serve: Serve
) -> None:
    serve_consumer(serve, consumer.as_asgi)
    (message,) = check_consumers()
    assert message.id == id_
    assert message.obj is consumer
    assert message.is_serious() == (not id_.startswith("chanx.W"))
    assert consumer.__name__ in message.msg
    assert word in message.msg
    assert message.hint
    printed = run_command()
    assert f"({id_})" in printed
    assert word in printed


class ClassGroups(OpenConsumer):
    groups = ["a"]


class InheritedBuildGroups(RoomConsumer):
    pass


@pytest.mark.parametrize(
    ("consumer", "attribute"), [(ClassGroups, "groups"), (InheritedBuildGroups, "build_groups")]
)
@override_settings(CHANNEL_LAYERS={})
def test_groups_without_a_layer_are_reported(
    consumer: type[OpenConsumer], attribute: str, serve: Serve
) -> None:
    serve_consumer(serve, consumer.as_asgi)
    (message,) = check_consumers()
    assert message.id == "chanx.E008"
    assert f".{attribute} " in message.msg
    assert "'default'" in message.msg
    assert "InMemoryChannelLayer" in str(message.hint)
    assert "(chanx.E008)" in run_command()


@override_settings(CHANNEL_LAYERS={})
def test_no_groups_need_no_layer(serve: Serve) -> None:
    serve_consumer(serve, OpenConsumer.as_asgi)
    assert check_consumers() == []


def test_names_of_ones_own_are_no_slips() -> None:
    class Consumer(OpenConsumer):
        permissions: tuple[Any, ...] = ()
        message_rates: dict[str, int] = {}  # a slip, as far as anybody can tell
        handler_of_timeouts = None
        _permision_classes = None

    assert [problem.attribute for problem in find_problems(Consumer)] == ["message_rates"]


def test_missing_app_is_warned_of_once() -> None:
    warn_without_app.cache_clear()
    apps = [name for name in settings.INSTALLED_APPS if name != "chanx"]
    with override_settings(INSTALLED_APPS=apps):
        with pytest.warns(RuntimeWarning, match="'chanx' is not in INSTALLED_APPS"):
            OpenConsumer.as_asgi()
        OpenConsumer.as_asgi()
    warn_without_app.cache_clear()


def test_default_permissions_are_looked_at_too() -> None:
    class Consumer(OpenConsumer):
        permission_classes = None

    assert list(find_problems(Consumer)) == []
    defaults = {"DEFAULT_PERMISSION_CLASSES": [f"{__name__}.SomePermission"]}
    with override_settings(REST_FRAMEWORK=defaults):
        assert [problem.id for problem in find_problems(Consumer)] == ["W001"]


def test_several_problems_are_all_reported_and_each_consumer_once(serve: Serve) -> None:
    class Consumer(OpenConsumer):
        auth_method = "fetch"
        queryset = "rooms"  # type: ignore[assignment]

    application = Consumer.as_asgi()
    serve(lambda: URLRouter([path("a/", application), path("b/", application)]))
    assert get_ids(check_consumers()) == ["chanx.E006", "chanx.E007"]


def test_consumers_of_channels_are_left_alone(serve: Serve) -> None:
    serve_consumer(serve, AsyncWebsocketConsumer.as_asgi)
    assert check_consumers() == []


def test_channels_without_a_list_of_outgoing_messages_is_fine() -> None:
    class Consumer(OpenConsumer):
        OUTGOING_GROUP_MESSAGE_SCHEMA = Outgoing

    assert list(find_problems(Consumer)) == []
    assert list(find_problems(OpenConsumer)) == []


# --- unions that hold themselves ------------------------------------------------------------------


class Quote(BaseModel):
    quote: str = ""
    child: "Quote | Reply | None" = None


class Reply(BaseModel):
    reply: str = ""
    child: "Quote | Reply | None" = None


class Lists(BaseModel):
    children: "list[Lists | OtherLists]" = []


class OtherLists(BaseModel):
    children: "tuple[Lists | OtherLists, ...]" = ()


class Dicts(BaseModel):
    members: "dict[str, Dicts | Quoted]" = {}


@dataclass
class Quoted:
    inner: "Dicts | None" = None


class Box(BaseModel):
    item: "Left | Right"


class Left(BaseModel):
    box: Box | None = None


class Right(TypedDict):
    boxes: list[Box]


class Branch(BaseModel):
    kind: Literal["branch"] = "branch"
    child: "Annotated[Branch | Twig, Field(discriminator='kind')] | None" = None


class Twig(BaseModel):
    kind: Literal["twig"] = "twig"
    children: "list[Annotated[Branch | Twig, Field(discriminator='kind')]]" = []


class Chain(BaseModel):
    child: "Chain | None" = None
    either: "Chain | list[Chain] | str | None" = None


class Leaf(BaseModel):
    text: str = ""


class Plain(BaseModel):
    one: Leaf | Chain | int = 0
    leaf: "Leaf | Plain | None" = None


def make_consumer(payload: Any) -> type[OpenConsumer]:
    class CommentMessage(BaseMessage):
        action: Literal["comment"] = "comment"
        payload: Any

    message = create_model("CommentMessage", __base__=CommentMessage, payload=(payload, ...))
    schema = create_model("TicketIncoming", __base__=BaseIncomingMessage, message=(message, ...))

    class Consumer(OpenConsumer):
        INCOMING_MESSAGE_SCHEMA = schema

    return Consumer


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (Quote, "child"),
        (Quote | Reply, "child"),
        (list[Quote], "child"),
        (Lists, "children"),
        (Dicts, "members"),
        (Box, "item"),
        (Left, "item"),
    ],
)
def test_union_that_holds_itself_without_a_discriminator_is_reported(
    payload: Any, field: str
) -> None:
    (problem,) = find_problems(make_consumer(payload))
    assert problem.id == "W002"
    assert not problem.is_error
    assert problem.exception is None
    text = problem.describe(make_consumer(payload))
    for word in ("TicketIncoming", "CommentMessage", f"'{field}'", "Field(discriminator=...)"):
        assert word in text


@pytest.mark.parametrize("payload", [Branch, Branch | Twig, Chain, Plain, Leaf | Chain, JsonValue])
def test_other_unions_are_fine(payload: Any) -> None:
    assert list(find_problems(make_consumer(payload))) == []


def test_union_that_holds_itself_is_a_warning(serve: Serve) -> None:
    serve_consumer(serve, make_consumer(Quote).as_asgi)
    (message,) = check_consumers()
    assert message.id == "chanx.W002"
    assert not message.is_serious()
    assert "(chanx.W002)" in run_command()


# --- applications that cannot be loaded -----------------------------------------------------------


def test_application_that_cannot_be_imported_is_reported() -> None:
    with override_settings(ASGI_APPLICATION="no_such_module.application"):
        (message,) = check_consumers()
        assert message.id == "chanx.E012"
        assert "no_such_module" in message.msg
    with override_settings(ASGI_APPLICATION="nodots"):
        assert get_ids(check_consumers()) == ["chanx.E012"]
    with override_settings(ASGI_APPLICATION="tests.settings.nothing"):
        assert get_ids(check_consumers()) == ["chanx.E012"]


def test_import_error_behind_the_application_is_named(serve: Serve) -> None:
    def fail() -> None:
        raise ImportError("cannot import name 'Rooom'")

    serve(fail)
    (message,) = check_consumers()
    assert message.id == "chanx.E012"
    assert "cannot import name 'Rooom'" in message.msg


def test_any_other_error_behind_the_application_is_named(serve: Serve) -> None:
    def fail() -> None:
        raise KeyError("SECRET_TOKEN")

    serve(fail)
    (message,) = check_consumers()
    assert "SECRET_TOKEN" in message.msg


def test_route_that_leads_to_a_class_is_reported(serve: Serve) -> None:
    consumer: Any = OpenConsumer
    serve(lambda: URLRouter([url_path("rooms/<slug:name>/", consumer)]))
    (message,) = check_consumers()
    assert (message.id, message.obj) == ("chanx.E021", OpenConsumer)
    assert message.msg == (
        "The route '/rooms/{name}/' leads to the class OpenConsumer itself, so that nobody can "
        "connect."
    )
    assert message.hint == "Write OpenConsumer.as_asgi() in the route."


def test_what_is_no_consumer_is_nobodys_business(serve: Serve) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        pass

    serve(lambda: URLRouter([path("x/", application)]))
    assert check_consumers() == []


def test_problem_describes_itself_in_one_sentence() -> None:
    problem = ConsumerProblem("E999", "color", "is red", "make it blue")
    assert problem.describe(OpenConsumer) == "OpenConsumer.color is red: make it blue"
    assert problem.is_error
    assert problem.exception is None


@override_settings(
    CHANX={
        "MAX_MESSAGE_SIZE": "64k",
        "SLOW_CLIENT_POLICY": "drop",
        "IDLE_TIMEOUT": None,
        "DATABASE_LANES": 0,
        "BROKER_TIMEOUT": None,
    }
)
def test_limits_that_make_no_sense() -> None:
    found = {message.msg: message for message in check_settings()}
    assert set(found) == {
        "CHANX['MAX_MESSAGE_SIZE'] is '64k', but must be a whole number above 0, or None for no "
        "limit.",
        "CHANX['SLOW_CLIENT_POLICY'] is 'drop', but must be one of close, drop_newest, "
        "drop_oldest, coalesce.",
        "CHANX['DATABASE_LANES'] is 0, but must be a whole number above 0, or None for no limit.",
    }
    assert {message.id for message in found.values()} == {"chanx.E013"}
    assert "Correct it, or remove it: the default is 65536." in {
        message.hint for message in found.values()
    }


# --- who gets in ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("ALLOWED_ORIGINS", "https://app.example.com", "list of origins"),
        ("ALLOWED_ORIGINS", ["app.example.com"], "'app.example.com'"),
        ("TOKEN_TRANSPORTS", "header", "list of header, subprotocol, message, query"),
        ("TOKEN_TRANSPORTS", ["cookie"], "'cookie'"),
        ("RECHECK_ON", ["login"], "'login'"),
        ("REFUSE_BEFORE_ACCEPT", 1, "True or False"),
        ("AUTHENTICATION_TIMEOUT", None, "seconds above 0"),
        ("ASYNCAPI_TITLE", None, "a string"),
        ("ASYNCAPI_VERSION", 1.0, "a string"),
        ("ASYNCAPI_SERVERS", ["wss://example.com"], "dict of names and URLs"),
        ("ASYNCAPI_SERVERS", {"live": None}, "dict of names and URLs"),
        ("ASYNCAPI_HOOK", 5, "dotted path"),
        ("DOCUMENTATION_PERMISSIONS", "site.IsMe", "must be a list"),
    ],
)
def test_settings_that_make_no_sense(name: str, value: Any, word: str) -> None:
    with override_settings(CHANX={name: value}):
        (message,) = check_settings()
        assert message.id == "chanx.E013"
        assert name in message.msg
        assert word in message.msg
        if name in DOCUMENTATION:  # sockets go on without it
            RoomConsumer.as_asgi()
            return
        with pytest.raises(ImproperlyConfigured, match=name):
            RoomConsumer.as_asgi()


class AuthenticateMessage(BaseMessage):
    action: Literal["authenticate"] = "authenticate"
    payload: Any = None


class AuthenticateIncoming(BaseIncomingMessage):
    message: AuthenticateMessage


@pytest.mark.parametrize(
    ("id_", "attributes"),
    [
        (
            "E016",
            {
                "INCOMING_MESSAGE_SCHEMA": AuthenticateIncoming,
                "token_transports": ["message"],
            },
        ),
        ("E017", {"refuse_before_accept": True, "token_transports": ["header", "message"]}),
        ("E018", {"token_transports": ["cookie"]}),
        ("E018", {"token_transports": "header"}),
        ("E019", {"allowed_origins": ["example.com"]}),
        ("E019", {"allowed_origins": "https://example.com"}),
    ],
)
def test_consumer_whose_access_makes_no_sense(id_: str, attributes: dict[str, Any]) -> None:
    consumer: Any = type("Wrong", (OpenConsumer,), attributes)
    (problem,) = find_problems(consumer)
    assert problem.id == id_
    with pytest.raises(ValueError, match=f"Wrong.{problem.attribute}"):
        consumer.as_asgi()


def test_consumer_may_know_an_authenticate_message_where_no_token_is_awaited() -> None:
    consumer: Any = type("Own", (OpenConsumer,), {"INCOMING_MESSAGE_SCHEMA": AuthenticateIncoming})
    assert list(find_problems(consumer)) == []
    with override_settings(CHANX={"TOKEN_TRANSPORTS": ["message"]}):
        assert [problem.id for problem in find_problems(consumer)] == ["E016"]


def test_deployment_with_origins_and_tokens_for_development(serve: Serve) -> None:
    class Wide(OpenConsumer):
        allowed_origins = "*"
        token_transports = ("query",)

    serve_consumer(serve, Wide.as_asgi)
    assert check_consumers() == []
    found = check_deployment()
    assert get_ids(found) == ["chanx.W003", "chanx.W004"]
    assert {message.obj for message in found} == {Wide}
    with override_settings(CHANX={"ALLOWED_ORIGINS": "*", "TOKEN_TRANSPORTS": ["query"]}):
        assert get_ids(check_deployment()) == ["chanx.W003", "chanx.W004"] * 2
    with override_settings(CHANX={"ALLOWED_ORIGINS": 5}):
        assert get_ids(check_deployment()) == ["chanx.W003", "chanx.W004"]
    names = get_ids(run_checks(include_deployment_checks=True))
    assert {"chanx.W003", "chanx.W004"} <= set(names)
    assert get_ids(run_checks()) == []


def test_deployment_with_defaults_is_fine(serve: Serve) -> None:
    serve_consumer(serve, OpenConsumer.as_asgi)
    assert check_deployment() == []
    with override_settings(ASGI_APPLICATION="no_such_module.application"):
        assert check_deployment() == []
    with override_settings(ASGI_APPLICATION=None):
        assert check_deployment() == []
