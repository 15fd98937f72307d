"""When a token ends, as several libraries put it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import override_settings
from rest_framework_simplejwt.tokens import AccessToken

from chanx.integrations.expiry import read_expiry

NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)


def test_token_of_simplejwt() -> None:
    token: Any = AccessToken()
    assert read_expiry(token) == token["exp"]


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({"exp": 1_893_456_000}, NEW_YEAR.timestamp()),
        ({"exp": 1.5}, 1.5),
        (SimpleNamespace(expiry=NEW_YEAR), NEW_YEAR.timestamp()),
        (SimpleNamespace(expires=NEW_YEAR), NEW_YEAR.timestamp()),
        (SimpleNamespace(expiry=None, expires=None), None),
        (SimpleNamespace(expires=NEW_YEAR, payload="none"), NEW_YEAR.timestamp()),
        (None, None),
        ("token", None),
        ({}, None),
    ],
)
def test_what_libraries_have(auth: Any, expected: float | None) -> None:
    assert read_expiry(auth) == expected


@override_settings(USE_TZ=False, TIME_ZONE="UTC")
def test_naive_time_is_one_of_the_site() -> None:
    auth = SimpleNamespace(expiry=NEW_YEAR.replace(tzinfo=None))
    assert read_expiry(auth) == NEW_YEAR.timestamp()


@pytest.mark.parametrize(
    "value",
    [
        True,
        float("nan"),
        float("inf"),
        10**400,
        "1893456000",
        b"1",
        [1],
        {},
        timedelta(days=1),
        NEW_YEAR.date(),
    ],
)
@override_settings(USE_TZ=False, TIME_ZONE="Pacific/Honolulu")
def test_nonsense_is_no_time(value: Any) -> None:
    assert read_expiry({"exp": value}) is None
    assert read_expiry(SimpleNamespace(expires=value)) is None
