"""Applications that cannot be imported, and where in the site's code that failed."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.utils.module_loading import import_string

from chanx.checks import check_consumers
from chanx.description.endpoints import describe_site
from chanx.integrations.application import describe_cause

BROKEN = "tests.description.broken_site.application"
PLACE = "(tests.description.broken_site, line 3)"


@override_settings(ASGI_APPLICATION=BROKEN)
def test_line_that_could_not_be_imported_is_named() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        describe_site()
    assert str(caught.value).endswith(PLACE)
    (message,) = check_consumers()
    assert message.msg.endswith(PLACE)


def test_line_is_the_last_one_of_the_site() -> None:
    with pytest.raises(ImportError) as caught:
        import_string("tests.nowhere.application")
    line = caught.traceback[0].lineno + 1
    assert (
        describe_cause(caught.value) == f"No module named 'tests.nowhere' ({__name__}, line {line})"
    )


@override_settings(ASGI_APPLICATION="tests.nowhere.application")
def test_library_is_not_named() -> None:
    (message,) = check_consumers()
    assert message.msg.endswith("No module named 'tests.nowhere'")


def test_exception_that_was_not_raised_has_no_line() -> None:
    assert describe_cause(ValueError("It is so")) == "It is so"


def test_name_alone_is_no_reason() -> None:
    assert describe_cause(KeyError("SECRET")) == "KeyError: 'SECRET'"
    assert describe_cause(RuntimeError()) == "RuntimeError"
