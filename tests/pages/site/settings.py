"""Settings of a site with the pages."""

import os
from typing import Any

from tests.settings import *  # noqa: F403  # the same site, with pages
from tests.settings import INSTALLED_APPS as TEST_APPS

DEBUG = os.environ.get("PAGES_DEBUG", "1") == "1"
INSTALLED_APPS = [*TEST_APPS, "django.contrib.staticfiles"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
]
ROOT_URLCONF = "tests.description.site"
ASGI_APPLICATION = "tests.description.site.application"
STATIC_URL = "/static/"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("PAGES_DATABASE", ":memory:"),
    }
}
