"""Settings of the site whose code the documentation shows.

A page shows the lines between a "region" and the "endregion" of the same name.
"""

import os
from datetime import timedelta
from typing import Any

import structlog

SECRET_KEY = "only-for-the-documentation-and-for-its-tests"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "mysite.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DOCS_DATABASE", "db.sqlite3"),
    }
}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework.authtoken",
    "tickets",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]

# region: first
INSTALLED_APPS += ["rest_framework", "channels", "chanx", "lobby"]

ASGI_APPLICATION = "mysite.asgi.application"

CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels.layers.InMemoryChannelLayer"},
}
# endregion: first

CHANX: dict[str, Any]
TEMPLATES: list[dict[str, Any]]

# region: chanx
CHANX = {
    "LOG_IGNORED_ACTIONS": ["ping", "pong"],
}
# endregion: chanx
# A test does not wait half a minute for the first ping.
CHANX["HEARTBEAT_INTERVAL"] = float(os.environ.get("DOCS_HEARTBEAT", "30"))

# region: documentation
INSTALLED_APPS += ["django.contrib.staticfiles"]
STATIC_URL = "static/"
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True},
]
# endregion: documentation

# region: document
CHANX |= {
    "ASYNCAPI_TITLE": "Tickets",
    "ASYNCAPI_VERSION": "2.1.0",
    "ASYNCAPI_DESCRIPTION": "What the help desk works with.",
    "ASYNCAPI_SERVERS": {"production": "wss://tickets.example.com"},
    "ASYNCAPI_HOOK": "mysite.document.add_contact",
    "DOCUMENTATION_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}
# endregion: document

# region: throttle
REST_FRAMEWORK = {
    "DEFAULT_THROTTLE_RATES": {"sockets": "60/min"},
}
# endregion: throttle

# A test does not wait for minutes until a token is renewed.
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=float(os.environ.get("DOCS_TOKEN_SECONDS", "300"))),
}

# region: logging
LOG_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": LOG_PROCESSORS,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"chanx": {"level": "INFO"}},
}

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *LOG_PROCESSORS,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)
# endregion: logging
