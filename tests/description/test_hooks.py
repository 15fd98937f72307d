"""The decorator for consumers."""

from typing import Any

import pytest
from pydantic import BaseModel

from chanx.description import documented
from chanx.description.hooks import Documentation, get_documentation
from chanx.routing import path
from tests.description.site import OldConsumer, as_asgi, describe_routes


class Query(BaseModel):
    """Query parameters."""

    since: int = 0


class Plain:
    """Not decorated."""


@documented(
    summary="S", description="D", tags=["a", "b", "a"], deprecated=True, hidden=True, query=Query
)
class Decorated:
    """Decorated."""


class Child(Decorated):
    """Inherits."""


def test_decorator_returns_the_class_and_keeps_what_it_was_told() -> None:
    assert isinstance(Decorated, type)
    assert get_documentation(Decorated) == Documentation("S", "D", ("a", "b"), True, True, Query)
    assert get_documentation(Plain) == Documentation()


def test_subclass_has_the_tags_and_the_query_and_nothing_else() -> None:
    assert get_documentation(Child) == Documentation(tags=("a", "b"), query=Query)


def test_decorated_subclass_has_what_it_is_not_told_from_its_bases() -> None:
    @documented(deprecated=True)
    class Old(Decorated):
        """Says nothing of tags."""

    @documented(tags=["c"])
    class Other(Child):
        """Has tags of its own."""

    assert get_documentation(Old) == Documentation(tags=("a", "b"), is_deprecated=True, query=Query)
    assert get_documentation(Other) == Documentation(tags=("c",), query=Query)


def test_tags_that_are_a_set_stand_in_one_order() -> None:
    names = [f"tag{number}" for number in range(10)]

    @documented(tags=set(names))
    class Tagged:
        """Has many."""

    assert get_documentation(Tagged).tags == tuple(names)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"tags": "chat"}, r"tags must be a list of names: write tags=\['chat'\]"),
        ({"tags": ["chat", 5]}, "tags must be names, not 5"),
        ({"tags": [""]}, "tags must be names"),
        ({"summary": 5}, "summary must be a string, not 5"),
        ({"description": ["x"]}, "description must be a string"),
        ({"query": {"since": int}}, "query must be a Pydantic model, .* not {'since'"),
        ({"query": dict}, "query must be a Pydantic model"),
        ({"query": Query()}, "query must be a Pydantic model"),
    ],
)
def test_mistakes_are_named(arguments: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        documented(**arguments)


def test_something_that_is_no_class_cannot_be_decorated() -> None:
    decorate: Any = documented()
    with pytest.raises(TypeError, match="for consumer classes"):
        decorate(lambda: None)


def test_texts_are_the_same_in_each_process_and_can_be_written() -> None:
    consumer = documented(summary="\ud800", description="\udfff", tags={"c", "a", "b"})(
        type("Written", (OldConsumer,), {})
    )
    (endpoint,) = describe_routes(path("a/", as_asgi(consumer))).endpoints
    assert (endpoint.summary, endpoint.description) == ("\ufffd", "\ufffd")
    assert endpoint.tags == ("a", "b", "c")
