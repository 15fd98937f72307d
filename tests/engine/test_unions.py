"""Unions that hold themselves."""

from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, Json, create_model, field_validator

from chanx.engine import unions
from chanx.engine.unions import find_recursive_unions


class Quote(BaseModel):
    quote: str = ""
    child: "Quote | Reply | None" = None


class Reply(BaseModel):
    reply: str = ""
    child: "Quote | Reply | None" = None
    others: "list[Quote] | list[Reply]" = []


class Pair(NamedTuple):
    left: "Quote | Reply"
    right: int


class Checked(BaseModel):
    child: "Checked | OtherChecked | None" = None

    @field_validator("child", mode="wrap")
    @classmethod
    def check(cls, value: Any, handler: Any) -> Any:
        return handler(value)


class OtherChecked(Checked):
    pass


class Deferred(BaseModel, defer_build=True):
    child: "Deferred | Quote | dict[str, Deferred] | None" = None


class Texts(BaseModel):
    child: "Json[Texts] | Json[list[Texts]] | None" = None


class ByKind(BaseModel):
    """An object, an array and a text are never tried as one another."""

    child: "ByKind | list[ByKind] | str | None" = None


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        (Quote, {"child": "Quote", "others": "Reply"}),
        (list[Reply], {"child": "Reply", "others": "Reply"}),
        (Pair, {"child": "Quote", "others": "Reply"}),
        (Checked, {"child": "Checked"}),
        (Texts, {}),
        (ByKind, {}),
        (Quote | Any, {"child": "Quote", "others": "Reply"}),
        (int | str, {}),
    ],
)
def test_fields_are_found_once_each(annotation: Any, found: dict[str, str]) -> None:
    model = create_model("Model", payload=(annotation, ...))
    assert {field: owner for owner, field in find_recursive_unions(model)} == found


def test_deferred_class_is_built_first() -> None:
    assert ("Deferred", "child") in find_recursive_unions(Deferred)


def test_schema_that_is_too_large_or_cannot_be_made_is_not_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Unfinished(BaseModel):
        child: "NowhereDefined"  # type: ignore[name-defined]  # noqa: F821 - that is the point

    assert find_recursive_unions(Unfinished) == []
    assert find_recursive_unions(Quote) != []
    monkeypatch.setattr(unions, "_MAX_STEPS", 10)
    assert find_recursive_unions(Quote) == []
