"""Changing settings of chanx for the length of a test."""

from typing import Any

from django.test.utils import override_settings

from chanx.settings import DEFAULTS, chanx_settings

__all__ = ["override_chanx_settings", "settings_context"]


class override_chanx_settings(override_settings):
    """Override single settings of chanx; what is not named stays as the site has it.

    Decorates sync and async functions, methods and Django's test case classes, and is a context
    manager too. Raises AttributeError for a name that is no setting.
    """

    def __init__(self, **overrides: Any) -> None:
        for name in overrides:
            if name not in DEFAULTS:
                getattr(chanx_settings, name)  # raises the error that lists the names
        super().__init__()
        self._overrides = overrides

    def enable(self) -> None:
        # Merged here and not in __init__: a decorator is made at import, long before the test
        # runs, and other overrides may be in force by then.
        self.options = {"CHANX": {**chanx_settings.user_settings, **self._overrides}}
        super().enable()

    def save_options(self, test_func: Any) -> None:
        # How Django decorates a test case class: it takes the options and never calls enable().
        # What a base class or another decorator has set is there already.
        before = (test_func._overridden_settings or {}).get("CHANX", chanx_settings.user_settings)
        self.options = {"CHANX": {**before, **self._overrides}}
        super().save_options(test_func)


def settings_context(**overrides: Any) -> override_chanx_settings:
    """Return a context manager in which the settings have the given values."""
    return override_chanx_settings(**overrides)
