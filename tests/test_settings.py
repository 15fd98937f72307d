"""The CHANX dictionary, and changing it in tests."""

import unittest
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase, override_settings

from chanx.settings import DEFAULTS, ChanxSettings, chanx_settings
from chanx.utils.settings import override_chanx_settings, settings_context

EXPECTED_DEFAULTS = {
    "MESSAGE_ACTION_KEY": "action",
    "SEND_COMPLETION": False,
    "SEND_MESSAGE_IMMEDIATELY": True,
    "SEND_AUTHENTICATION_MESSAGE": True,
    "CAMELIZE": False,
    "LOG_RECEIVED_MESSAGE": True,
    "LOG_SENT_MESSAGE": True,
    "LOG_IGNORED_ACTIONS": [],
    "WEBSOCKET_BASE_URL": "ws://localhost:8000",
    "MAX_MESSAGE_SIZE": 65_536,
    "MAX_JSON_DEPTH": 64,
    "MAX_INVALID_MESSAGES": 20,
    "MESSAGE_RATE": 100,
    "MESSAGE_BURST": 200,
    "MAX_CONNECTIONS_PER_USER": 100,
    "MAX_CONNECTIONS_PER_ADDRESS": None,
    "MAX_GROUPS": 1000,
    "INBOX_FRAMES": 64,
    "INBOX_BYTES": 1024 * 1024,
    "INBOX_EVENTS": 1024,
    "OUTBOX_FRAMES": 1024,
    "OUTBOX_BYTES": 1024 * 1024,
    "SLOW_CLIENT_POLICY": "close",
    "HANDLER_TIMEOUT": 60,
    "DISCONNECT_GRACE": 0,
    "IDLE_TIMEOUT": None,
    "HEARTBEAT_INTERVAL": 30,
    "ALLOWED_ORIGINS": [],
    "TOKEN_TRANSPORTS": ["header", "subprotocol"],
    "REFUSE_BEFORE_ACCEPT": False,
    "AUTHENTICATION_TIMEOUT": 10,
    "RECHECK_INTERVAL": 300,
    "RECHECK_ON": ["logout", "session", "token", "user"],
    "BROKER_TIMEOUT": 5,
    "DATABASE_LANES": 4,
    "DRAIN_AT_SIGTERM": True,
    "ASYNCAPI_TITLE": "WebSocket API",
    "ASYNCAPI_VERSION": "1.0.0",
    "ASYNCAPI_DESCRIPTION": "",
    "ASYNCAPI_SERVERS": {},
    "ASYNCAPI_HOOK": None,
    "DOCUMENTATION_PERMISSIONS": ["rest_framework.permissions.IsAdminUser"],
}


def test_defaults_are_those_of_the_contract() -> None:
    found = {name: getattr(chanx_settings, name) for name in EXPECTED_DEFAULTS}
    assert found == EXPECTED_DEFAULTS
    assert set(DEFAULTS) == set(EXPECTED_DEFAULTS)
    assert set(ChanxSettings.__annotations__) == set(EXPECTED_DEFAULTS)


def test_default_list_or_dict_cannot_be_changed_from_outside() -> None:
    chanx_settings.LOG_IGNORED_ACTIONS.append("ping")
    assert chanx_settings.LOG_IGNORED_ACTIONS == []
    chanx_settings.ASYNCAPI_SERVERS["live"] = "wss://example.com"
    assert chanx_settings.ASYNCAPI_SERVERS == {}


def test_unknown_name_is_an_attribute_error_that_lists_the_names() -> None:
    with pytest.raises(AttributeError, match=r"SEND_COMPLETIONS.*SEND_COMPLETION"):
        _ = chanx_settings.SEND_COMPLETIONS


def test_settings_are_read_at_each_use() -> None:
    with override_settings(CHANX={"CAMELIZE": True}):
        assert chanx_settings.CAMELIZE is True
        assert chanx_settings.SEND_COMPLETION is False
        assert chanx_settings.user_settings == {"CAMELIZE": True}
    assert chanx_settings.CAMELIZE is False
    assert chanx_settings.user_settings == {}


@override_settings(CHANX=[("CAMELIZE", True)])
def test_something_that_is_no_dictionary_is_a_mistake() -> None:
    with pytest.raises(ImproperlyConfigured, match="CHANX must be a dictionary, not list"):
        _ = chanx_settings.CAMELIZE


# --- contexts and decorators ----------------------------------------------------------------------


def test_context_changes_what_is_named_and_nothing_else() -> None:
    with override_settings(CHANX={"CAMELIZE": True, "SEND_COMPLETION": True}):
        with settings_context(SEND_COMPLETION=False):
            assert chanx_settings.SEND_COMPLETION is False
            assert chanx_settings.CAMELIZE is True
            with settings_context(CAMELIZE=False):
                assert chanx_settings.SEND_COMPLETION is False
                assert chanx_settings.CAMELIZE is False
            assert chanx_settings.CAMELIZE is True
        assert chanx_settings.SEND_COMPLETION is True
    assert chanx_settings.SEND_COMPLETION is False


def test_context_ends_with_an_exception() -> None:
    with pytest.raises(RuntimeError), settings_context(CAMELIZE=True):
        raise RuntimeError
    assert chanx_settings.CAMELIZE is False


@pytest.mark.parametrize("make", [settings_context, override_chanx_settings])
def test_unknown_name_is_refused_at_once(make: Any) -> None:
    with pytest.raises(AttributeError, match="CAMELISE"):
        make(CAMELISE=True)


@override_chanx_settings(CAMELIZE=True)
def test_sync_function_can_be_decorated() -> None:
    assert chanx_settings.CAMELIZE is True


@override_chanx_settings(CAMELIZE=True)
async def test_async_function_can_be_decorated() -> None:
    assert chanx_settings.CAMELIZE is True


@override_chanx_settings(CAMELIZE=True)
@override_chanx_settings(SEND_COMPLETION=True)
def test_decorators_add_up() -> None:
    assert chanx_settings.CAMELIZE is True
    assert chanx_settings.SEND_COMPLETION is True


@override_settings(CHANX={"SEND_COMPLETION": True})
@override_chanx_settings(CAMELIZE=True)
def test_decorator_sees_the_settings_of_the_moment_it_runs() -> None:
    assert chanx_settings.CAMELIZE is True
    assert chanx_settings.SEND_COMPLETION is True


def test_decorated_function_can_be_called_again() -> None:
    @override_chanx_settings(CAMELIZE=True)
    def read() -> bool:
        return chanx_settings.CAMELIZE

    assert [read(), chanx_settings.CAMELIZE, read()] == [True, False, True]


def run(case: type[unittest.TestCase]) -> None:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert result.testsRun
    assert not [text for _, text in (*result.failures, *result.errors)]


def test_methods_can_be_decorated() -> None:
    class Case(SimpleTestCase):
        @override_chanx_settings(CAMELIZE=True)
        def test_sync(self) -> None:
            assert chanx_settings.CAMELIZE is True

        @override_chanx_settings(CAMELIZE=True)
        async def test_async(self) -> None:
            assert chanx_settings.CAMELIZE is True

        def test_other(self) -> None:
            assert chanx_settings.CAMELIZE is False

    run(Case)


def test_test_case_can_be_decorated() -> None:
    @override_chanx_settings(CAMELIZE=True)
    class Case(SimpleTestCase):
        def test_sync(self) -> None:
            assert chanx_settings.CAMELIZE is True

        @override_chanx_settings(SEND_COMPLETION=True)
        async def test_async(self) -> None:
            assert chanx_settings.CAMELIZE is True
            assert chanx_settings.SEND_COMPLETION is True

    run(Case)


def test_decorators_of_a_test_case_add_up() -> None:
    @override_chanx_settings(CAMELIZE=True)
    @override_chanx_settings(SEND_COMPLETION=True)
    class Case(SimpleTestCase):
        def test(self) -> None:
            assert chanx_settings.CAMELIZE is True
            assert chanx_settings.SEND_COMPLETION is True

    run(Case)


def test_decorator_of_a_test_case_adds_to_that_of_its_base() -> None:
    @override_settings(CHANX={"SEND_COMPLETION": True})
    class Base(SimpleTestCase):
        def test(self) -> None:
            assert chanx_settings.SEND_COMPLETION is True

    @override_chanx_settings(CAMELIZE=True)
    class Case(Base):
        def test_both(self) -> None:
            assert chanx_settings.CAMELIZE is True

    run(Base)
    run(Case)


def test_plain_class_cannot_be_decorated() -> None:
    with pytest.raises(ValueError, match="SimpleTestCase"):

        @override_chanx_settings(CAMELIZE=True)
        class Plain:
            pass
