"""The ``CHANX`` dictionary of Django's settings, read at each use."""

from typing import Any, Final

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

__all__ = ["DEFAULTS", "ChanxSettings", "chanx_settings"]

DEFAULTS: Final[dict[str, Any]] = {
    "MESSAGE_ACTION_KEY": "action",
    "SEND_COMPLETION": False,
    "SEND_MESSAGE_IMMEDIATELY": True,
    "SEND_AUTHENTICATION_MESSAGE": True,
    "CAMELIZE": False,
    "LOG_RECEIVED_MESSAGE": True,
    "LOG_SENT_MESSAGE": True,
    "LOG_IGNORED_ACTIONS": [],
    "WEBSOCKET_BASE_URL": "ws://localhost:8000",
}


class ChanxSettings:
    """Gives each setting as an attribute: the site's value or the default.

    Nothing is kept, so Django's ``override_settings`` works wherever the object was imported to.
    """

    MESSAGE_ACTION_KEY: str
    SEND_COMPLETION: bool
    SEND_MESSAGE_IMMEDIATELY: bool
    SEND_AUTHENTICATION_MESSAGE: bool
    CAMELIZE: bool
    LOG_RECEIVED_MESSAGE: bool
    LOG_SENT_MESSAGE: bool
    LOG_IGNORED_ACTIONS: list[str]
    WEBSOCKET_BASE_URL: str

    @property
    def user_settings(self) -> dict[str, Any]:
        """The site's own dictionary; empty when there is none."""
        found = getattr(django_settings, "CHANX", {})
        if not isinstance(found, dict):
            raise ImproperlyConfigured(f"CHANX must be a dictionary, not {type(found).__name__}")
        return found

    def __getattr__(self, name: str) -> Any:
        # Called only for names that are not attributes: the annotations above create none.
        if name not in DEFAULTS:
            known = ", ".join(DEFAULTS)
            raise AttributeError(f"chanx has no setting {name!r}; the settings are: {known}")
        user_settings = self.user_settings
        if name in user_settings:
            return user_settings[name]
        default = DEFAULTS[name]
        return list(default) if isinstance(default, list) else default


chanx_settings = ChanxSettings()
