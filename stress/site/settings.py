"""Settings of the site under stress; what differs from run to run comes from the environment."""

import json
import logging
import os

import structlog

SECRET_KEY = "only-for-stress"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "channels",
    "rest_framework",
    "chanx",
]

ASGI_APPLICATION = "stress.site.asgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("STRESS_DATABASE", ":memory:"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS = {
    "default": json.loads(
        os.environ.get(
            "STRESS_CHANNEL_LAYER", '{"BACKEND": "channels.layers.InMemoryChannelLayer"}'
        )
    ),
}

# Hundreds of thousands of messages: a line for each would be the load, and not the messages.
CHANX = {
    "LOG_RECEIVED_MESSAGE": False,
    "LOG_SENT_MESSAGE": False,
    **json.loads(os.environ.get("STRESS_CHANX", "{}")),
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    # With Redis gone the layer's own tasks log a traceback each; those of chanx are what counts.
    "loggers": {"channels_redis": {"level": "CRITICAL"}},
}

# One JSON object in a line, the traceback in its "exception".
structlog.configure(
    # Every invalid frame is worth a line of level info: as many as there are frames.
    wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
)
