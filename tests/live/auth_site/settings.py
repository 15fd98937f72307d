"""Settings of the site; what differs from test to test comes by environment variables."""

import json
import os
from typing import Any

from tests.live.auth_site.constants import SECRET_KEY as AUTH_SECRET_KEY
from tests.live.site.settings import *  # noqa: F403  # the log, and what else a site needs
from tests.live.site.settings import CHANX as LIVE_CHANX

SECRET_KEY = AUTH_SECRET_KEY
ALLOWED_HOSTS = json.loads(
    os.environ.get("AUTH_ALLOWED_HOSTS", '["127.0.0.1", "allowed.test", ".subdomains.test"]')
)
CSRF_TRUSTED_ORIGINS = ["https://trusted.test:8443", "https://*.trusted.test"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "channels",
    "rest_framework",
    "rest_framework.authtoken",
    "chanx",
    "tests.live.auth_site",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "tests.live.auth_site.urls"
ASGI_APPLICATION = "tests.live.auth_site.asgi.application"

AUTH_USER_MODEL = "auth_site.Account"
# Users come and go in each test; a slow hash would be most of its time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
_DATABASE: Any = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": os.environ.get("AUTH_DATABASE", ":memory:"),
    # Writers wait for each other: IMMEDIATE, as a transaction that only becomes a writer later
    # fails at once.
    "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
}
DATABASES = {"default": _DATABASE}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.TokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}

# Whoever is to send its token in time, in a test, may be held up for a while.
_PATIENT: Any = {"AUTHENTICATION_TIMEOUT": 60}
CHANX = {**LIVE_CHANX, **_PATIENT, **json.loads(os.environ.get("AUTH_CHANX", "{}"))}
