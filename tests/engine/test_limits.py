"""The bounds and what is wrong with them."""

from dataclasses import fields
from typing import Any

import pytest

from chanx.engine.limits import CLASS_LIMITS, Limits, find_bad_limits

GOOD: dict[str, list[Any]] = {
    "max_message_size": [1, 10**9, None],
    "message_rate": [0.5, 1, None],
    "message_burst": [1, 5],
    "slow_client_policy": ["close", "drop_newest", "drop_oldest", "coalesce"],
    "handler_timeout": [0.001, 60, None],
    "disconnect_grace": [0, 0.5, 3],
    "concurrent_messages": [1, 100],
}
BAD: dict[str, list[Any]] = {
    "max_message_size": [0, -1, 1.5, "64k", True],
    "message_rate": [0, -1, "1", float("nan"), float("inf"), True],
    "message_burst": [0, None, 1.5],
    "slow_client_policy": ["drop", None, ""],
    "handler_timeout": [0, -1, "1"],
    "disconnect_grace": [-1, None, "1"],
    "concurrent_messages": [0, None, 1.0],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in GOOD.items() for v in vs])
def test_good_values(name: str, value: Any) -> None:
    assert getattr(Limits(**{name: value}), name) == value
    assert list(find_bad_limits({name: value})) == []


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in BAD.items() for v in vs])
def test_bad_values_are_named(name: str, value: Any) -> None:
    [(found, problem)] = find_bad_limits({name: value})
    assert found == name
    assert problem.startswith(f"is {value!r}, but must be ")
    with pytest.raises(ValueError, match=f"^{name} is "):
        Limits(**{name: value})


def test_every_bound_but_the_constants_may_be_set() -> None:
    names = {field.name for field in fields(Limits)}
    assert names - set(CLASS_LIMITS) == {"close_timeout", "answer_timeout", "cancel_timeout"}
