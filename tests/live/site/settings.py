"""Settings of the live site; what differs from test to test comes by environment variables."""

import json
import os

import structlog

SECRET_KEY = "only-for-tests"
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

ASGI_APPLICATION = "tests.live.site.asgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS = {
    "default": json.loads(
        os.environ.get("LIVE_CHANNEL_LAYER", '{"BACKEND": "channels.layers.InMemoryChannelLayer"}')
    ),
}

# Tens of thousands of messages, and a test looks for the few lines that tell of something.
CHANX = {
    "LOG_RECEIVED_MESSAGE": False,
    "LOG_SENT_MESSAGE": False,
    "BROKER_TIMEOUT": float(os.environ.get("LIVE_BROKER_TIMEOUT", "5")),
}

# One JSON object in a line, the traceback in its "exception".
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
    # In one piece: a server of several processes writes to the same pipe, and what is printed in
    # two, a line and its end, gets mixed up with that.
    logger_factory=structlog.WriteLoggerFactory(),
)
