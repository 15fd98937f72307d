"""Finding the consumers behind routers and middleware."""

from types import SimpleNamespace
from typing import Any

import pytest
from channels.auth import AuthMiddlewareStack
from channels.routing import ChannelNameRouter, ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path as django_path
from django.urls import register_converter
from hypothesis import given
from hypothesis import strategies as st

from chanx.description.patterns import make_text
from chanx.integrations.discovery import (
    PathParameter,
    Route,
    get_routes,
    get_websocket_application,
)
from chanx.integrations.regex_paths import find_problem
from chanx.routing import path, re_path
from tests.app.consumers import OpenConsumer, RoomConsumer
from tests.description.site import describe_routes

OPEN = OpenConsumer.as_asgi()
ROOM = RoomConsumer.as_asgi()


class Middleware:
    """Keeps what it wraps under a name of the test's choice."""

    def __init__(self, attribute: str, application: Any) -> None:
        setattr(self, attribute, application)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Be an application."""


async def http_application(scope: Any, receive: Any, send: Any) -> None:
    """Serve something else."""


def find(*patterns: Any) -> list[Route]:
    return list(get_routes(URLRouter(list(patterns))))


def find_path(pattern: Any) -> str:
    (route,) = find(pattern)
    return route.path


def test_consumers_come_in_the_order_of_the_urls() -> None:
    assert find(path("b/", ROOM, name="room"), path("a/", OPEN)) == [
        Route("/b/", RoomConsumer, (), "room"),
        Route("/a/", OpenConsumer),
    ]


def test_consumer_alone_is_a_route() -> None:
    assert list(get_routes(OPEN)) == [Route("/", OpenConsumer)]


def test_nothing_is_found_where_nothing_is() -> None:
    assert list(get_routes(http_application)) == []
    assert list(get_routes(None)) == []
    assert find() == []
    assert find(path("x/", URLRouter([]))) == []
    worker: Any = ChannelNameRouter({"worker": OPEN})
    assert list(get_routes(worker)) == []


def test_what_is_no_consumer_is_a_route_as_well() -> None:
    hidden = Middleware("wrapped", OPEN)  # which nobody can know of
    assert find(path("x/", http_application, name="x"), path("y/", Middleware("app", hidden))) == [
        Route("/x/", http_application, (), "x"),
        Route("/y/", Middleware),
    ]


def test_what_hides_its_routes_is_all_that_is_found() -> None:
    class Raising(Middleware):
        @property
        def inner(self) -> Any:
            raise RuntimeError("no")

    router = URLRouter([path("a/", OPEN)])
    for hiding in (Middleware("wrapped", router), Raising("wrapped", router)):
        application = ProtocolTypeRouter({"websocket": hiding})
        assert list(get_routes(application)) == [Route("/", type(hiding))]
    unknown = Middleware("consumer_class", "OpenConsumer")
    assert find(path("x/", unknown)) == [Route("/x/", Middleware)]


def test_class_in_a_route_is_marked() -> None:
    consumer: Any = OpenConsumer
    assert find(django_path("<int:pk>/", consumer)) == [
        Route("/{pk}/", OpenConsumer, (PathParameter("pk", "[0-9]+", "int"),), is_class=True)
    ]


def test_class_that_is_an_application_is_none_that_is_wrong() -> None:
    class Endpoint:
        """Serves itself, as in Starlette."""

        def __init__(self, scope: Any, receive: Any, send: Any) -> None:
            """Begin."""

        def __await__(self) -> Any:
            """Serve."""

    consumer: Any = Endpoint
    assert find(path("x/", consumer)) == [Route("/x/", Endpoint)]


def test_application_with_routes_of_its_own_is_a_route() -> None:
    application = Middleware("routes", ["of", "its", "own"])
    assert find(path("x/", application)) == [Route("/x/", Middleware)]


@pytest.mark.parametrize("make", [path, re_path])
def test_class_in_a_route_is_refused_where_it_can_be(make: Any) -> None:
    with pytest.raises(TypeError, match=r"'x/' must lead to OpenConsumer\.as_asgi\(\)"):
        make("x/", OpenConsumer)


@pytest.mark.parametrize("attribute", ["inner", "app", "application"])
def test_middleware_is_walked_through(attribute: str) -> None:
    router = URLRouter([path("a/", Middleware(attribute, Middleware(attribute, OPEN)))])
    application = Middleware(attribute, router)
    assert list(get_routes(application)) == [Route("/a/", OpenConsumer)]


def test_middleware_that_wraps_itself_ends() -> None:
    middleware = Middleware("inner", None)
    middleware.inner = middleware  # type: ignore[attr-defined]
    assert list(get_routes(middleware)) == []
    assert find(path("x/", middleware)) == [Route("/x/", Middleware)]


def test_middleware_with_an_attribute_that_is_no_application() -> None:
    middleware = Middleware("application", OPEN)
    middleware.app = "my-app"  # type: ignore[attr-defined]
    assert list(get_routes(middleware)) == [Route("/", OpenConsumer)]


def test_stacks_of_channels_are_walked_through() -> None:
    application = ProtocolTypeRouter(
        {
            "http": http_application,
            "websocket": AllowedHostsOriginValidator(
                AuthMiddlewareStack(URLRouter([path("a/", OPEN)]))
            ),
        }
    )
    assert list(get_routes(application)) == [Route("/a/", OpenConsumer)]


def test_nested_routers_collect_paths_parameters_and_names() -> None:
    deepest = URLRouter([re_path(r"^(?P<seat>\d+)/$", OPEN), path("", ROOM, name="all")])
    stack: Any = AuthMiddlewareStack(deepest)
    middle = URLRouter([path("room/<slug:room>/", stack, name="middle")])
    house = PathParameter("house", "[0-9]+", "int")
    room = PathParameter("room", "[-a-zA-Z0-9_]+", "slug")
    seat = PathParameter("seat", r"\d+")
    assert find(path("house/<int:house>/", middle), path("end", OPEN)) == [
        Route(
            "/house/{house}/room/{room}/{seat}/",
            OpenConsumer,
            (house, room, seat),
            "middle",
            regexes=(r"^(?P<seat>\d+)/$",),
        ),
        Route("/house/{house}/room/{room}/", RoomConsumer, (house, room), "all"),
        Route("/end", OpenConsumer),
    ]


def test_routes_of_django_are_read_too() -> None:
    assert find_path(django_path("a/<uuid:key>/", OPEN)) == "/a/{key}/"


def test_parameters_of_path_name_their_converter() -> None:
    class FourDigits:
        regex = "[0-9]{4}"

        def to_python(self, value: str) -> int:
            return int(value)

        def to_url(self, value: int) -> str:
            return str(value)

    register_converter(FourDigits, "yyyy")
    (route,) = find(path("<year>/<str:b>/<uuid:c>/<path:d>/<yyyy:e>/", OPEN))
    assert route.path == "/{year}/{b}/{c}/{d}/{e}/"
    assert [(parameter.name, parameter.converter) for parameter in route.parameters] == [
        ("year", "string"),
        ("b", "string"),
        ("c", "uuid"),
        ("d", "path"),
        ("e", "fourdigits"),
    ]
    assert route.parameters[4].pattern == "[0-9]{4}"


@pytest.mark.parametrize(
    ("regex", "text", "parameters"),
    [
        (r"^ws/$", "/ws/", {}),
        (r"ws/(?P<a>\w+)/$", "/ws/{a}/", {"a": r"\w+"}),
        (r"^/ws/(?P<a>\w+)$", "/ws/{a}", {"a": r"\w+"}),
        (r"^(?P<a>[a-z]{2,3})/(?P<b>\d+)/$", "/{a}/{b}/", {"a": "[a-z]{2,3}", "b": r"\d+"}),
        (r"^(?P<a>(?:x|y)z)/$", "/{a}/", {"a": "(?:x|y)z"}),
        (r"^(?P<a>[()]+)/$", "/{a}/", {"a": "[()]+"}),
        (r"^(?P<a>\(\d\))/$", "/{a}/", {"a": r"\(\d\)"}),
        (r"^(?:v1/)?chat/(?P<a>\w+)/\Z", "/chat/{a}/", {"a": r"\w+"}),
        (r"^(?:v1|v2)/(?:x/){2}(?P<a>\w+)/?$", "/v1/x/x/{a}/", {"a": r"\w+"}),
        (r"^(\d+)/([a-z]+)/$", "/{arg1}/{arg2}/", {"arg1": r"\d+", "arg2": "[a-z]+"}),
        (
            r"^(?P<a>[A-Z]{3}\d+)/(\d+)/x\.y/$",
            "/{a}/{arg1}/x.y/",
            {"a": r"[A-Z]{3}\d+", "arg1": r"\d+"},
        ),
        (r"^(?P<arg1>\d)/(\d)$", "/{arg1}/{arg2}", {"arg1": r"\d", "arg2": r"\d"}),
        (
            r"^a/\w{2,}/[^/()]+?/.*$",
            "/a/{arg1}/{arg2}/{arg3}",
            {"arg1": r"\w{2,}", "arg2": "[^/()]+?", "arg3": ".*"},
        ),
        (r"^(?i)a(?=b)b(?#c)$|^c$", "/ab", {}),
        (r"^a/(?:page-(?P<page>\d+)/)?$", "/a/", {}),
        (r"^a/((\d+)-(?P<b>x))/$", "/a/{arg1}-{b}/", {"arg1": r"\d+", "b": "x"}),
        (r"^a/((?P<room>\w+)/)?$", "/a/{room}/", {"room": r"\w+"}),
        (r"^(?i:chat)/(?-i:a)(?>bc)(?s:.)(?u-i:d)$", "/chat/abc.d", {}),
        (r"^(?P<x>\d)/(?P=x)/$", "/{x}/{x}/", {"x": r"\d"}),
        (r"^x{3}y{2,4}z{0,2}\.{2}(?:ab){2}q+$", "/xxxyyz..ababq", {}),
        (r"^\x41\t\u00e9\U0001F600\-$", "/A\té\U0001f600-", {}),
        (
            r"^(?P<x>(?:a|b)){2}/(c|d){2}$",
            "/{x}/{arg1}",
            {"x": "(?:(?:a|b)){2}", "arg1": "(?:c|d){2}"},
        ),
        (r"^(?P<x>\w+){0,1}/$", "/{x}/", {"x": r"\w+"}),
    ],
)
def test_regular_expressions_are_read(regex: str, text: str, parameters: dict[str, str]) -> None:
    (route,) = find(re_path(regex, OPEN))
    assert route.path == text
    assert {item.name: item.pattern for item in route.parameters} == parameters
    assert {item.converter for item in route.parameters} <= {None}


def test_parameters_without_a_name_are_numbered_over_all_levels() -> None:
    inner = URLRouter([re_path(r"^(\d+)/$", OPEN)])
    (route,) = find(re_path(r"^(\w+)/", inner))
    assert route.path == "/{arg1}/{arg2}/"
    assert [each.pattern for each in route.parameters] == [r"\w+", r"\d+"]


def test_websocket_application_of_a_protocol_router() -> None:
    router = URLRouter([path("a/", OPEN)])
    stack = AuthMiddlewareStack(router)
    application = ProtocolTypeRouter({"http": http_application, "websocket": stack})
    assert get_websocket_application(application) is stack
    assert get_websocket_application(Middleware("app", application)) is stack
    http_only = ProtocolTypeRouter({"http": http_application})
    assert get_websocket_application(http_only) is None


def test_websocket_application_without_a_protocol_router() -> None:
    router = URLRouter([path("a/", OPEN)])
    assert get_websocket_application(router) is router
    assert get_websocket_application(OPEN) is OPEN
    assert get_websocket_application(http_application) is None
    assert get_websocket_application(URLRouter([])) is None


def test_route_without_a_pattern_adds_nothing_to_the_path() -> None:
    router = SimpleNamespace(routes=[SimpleNamespace(callback=OPEN)])
    assert list(get_routes(router)) == [Route("/", OpenConsumer)]


def test_consumers_of_channels_are_found_too() -> None:
    from channels.generic.websocket import AsyncWebsocketConsumer

    application: Any = AsyncWebsocketConsumer.as_asgi()
    assert find(path("a/", application)) == [Route("/a/", AsyncWebsocketConsumer)]


def test_values_are_comparable_and_cannot_change() -> None:
    parameter = PathParameter("a", "b")
    assert parameter == PathParameter("a", "b", None)
    assert hash(Route("/", OpenConsumer)) == hash(Route("/", OpenConsumer, (), None))
    with pytest.raises(AttributeError):
        parameter.name = "c"  # type: ignore[misc]


def test_converter_that_is_called_as_one_of_djangos_is_another() -> None:
    class IntConverter:
        regex = "[a-f]+"

        def to_python(self, value: str) -> int:
            return int(value, 16)

        def to_url(self, value: int) -> str:
            return f"{value:x}"

    register_converter(IntConverter, "hexadecimal")
    (route,) = find(django_path("<hexadecimal:color>/", OPEN))
    (parameter,) = route.parameters
    assert parameter.pattern == "[a-f]+"
    assert parameter.converter == f"{__name__}.{IntConverter.__qualname__}"


@pytest.mark.parametrize(
    ("regex", "problem"),
    [
        (r"^ws/(?P<x>\d{2})/(?P=x)/v\d$", None),
        (r"^ws/(?P<a>a(?P<b>\d+))/((?P<c>\w+)/)?$", None),
        (r"^ws/(?P<x>(?<=y)z)$", None),  # no example can be made
        (r"^ws/(?:(?P<x>\d+)/)?$", "x need not be in the path"),
        (r"^ws/(?:(?P<x>\d+)|(?P<y>\w+))$", "y need not be in the path"),
        (r"^ws/(a)\1$", "its path is described as one"),
        (r"^ws/(?x: a b )/$", "its path is described as one"),
    ],
)
def test_path_that_does_not_stand_for_the_whole_route_is_named(
    regex: str, problem: str | None
) -> None:
    found = find_problem(regex, make_text)
    assert (found and found.startswith(problem or "?")) or found is problem
    (endpoint,) = describe_routes(re_path(regex, OPEN)).endpoints
    assert endpoint.problems == ((f"re_path({regex!r}): {found}",) if found else ())


pieces = st.sampled_from(
    [
        r"ab",
        r"\d+",
        r"(\w{2})",
        r"(?P<n>[a-f]+)",
        r"(?:x|y)",
        r"z{2}",
        r"\x41",
        r"/",
        r"(?i:q)",
        r"\.",
    ]
)


@given(st.lists(pieces, unique=True))
def test_path_of_any_regular_expression_leads_to_its_route(parts: list[str]) -> None:
    regex = f"^{''.join(parts)}$"
    assert find_problem(regex, make_text) is None
