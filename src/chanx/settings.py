"""The ``CHANX`` dictionary of Django's settings, read at each use."""

from copy import copy
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
    # Limits; None: no limit. docs/limits.md has the reason of each.
    "MAX_MESSAGE_SIZE": 64 * 1024,
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
    # Who gets in, and who stays.
    "ALLOWED_ORIGINS": [],
    "TOKEN_TRANSPORTS": ["header", "subprotocol"],
    "REFUSE_BEFORE_ACCEPT": False,
    "AUTHENTICATION_TIMEOUT": 10,
    "RECHECK_INTERVAL": 300,
    "RECHECK_ON": ["logout", "session", "token", "user"],
    # For the whole process.
    "BROKER_TIMEOUT": 5,
    "DATABASE_LANES": 4,
    "DRAIN_AT_SIGTERM": True,
    # The AsyncAPI document, and who may see it when DEBUG is off.
    "ASYNCAPI_TITLE": "WebSocket API",
    "ASYNCAPI_VERSION": "1.0.0",
    "ASYNCAPI_DESCRIPTION": "",
    "ASYNCAPI_SERVERS": {},
    "ASYNCAPI_HOOK": None,
    "DOCUMENTATION_PERMISSIONS": ["rest_framework.permissions.IsAdminUser"],
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
    MAX_MESSAGE_SIZE: int | None
    MAX_JSON_DEPTH: int | None
    MAX_INVALID_MESSAGES: int | None
    MESSAGE_RATE: float | None
    MESSAGE_BURST: int
    MAX_CONNECTIONS_PER_USER: int | None
    MAX_CONNECTIONS_PER_ADDRESS: int | None
    MAX_GROUPS: int | None
    INBOX_FRAMES: int | None
    INBOX_BYTES: int | None
    INBOX_EVENTS: int | None
    OUTBOX_FRAMES: int | None
    OUTBOX_BYTES: int | None
    SLOW_CLIENT_POLICY: str
    HANDLER_TIMEOUT: float | None
    DISCONNECT_GRACE: float
    IDLE_TIMEOUT: float | None
    HEARTBEAT_INTERVAL: float | None
    ALLOWED_ORIGINS: list[str] | str
    TOKEN_TRANSPORTS: list[str]
    REFUSE_BEFORE_ACCEPT: bool
    AUTHENTICATION_TIMEOUT: float
    RECHECK_INTERVAL: float | None
    RECHECK_ON: list[str]
    BROKER_TIMEOUT: float | None
    DATABASE_LANES: int | None
    DRAIN_AT_SIGTERM: bool
    ASYNCAPI_TITLE: str
    ASYNCAPI_VERSION: str
    ASYNCAPI_DESCRIPTION: str
    ASYNCAPI_SERVERS: dict[str, str]
    ASYNCAPI_HOOK: Any
    DOCUMENTATION_PERMISSIONS: list[Any]

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
        return copy(default) if isinstance(default, list | dict) else default


chanx_settings = ChanxSettings()
