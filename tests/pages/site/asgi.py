"""The application that a server runs: pages, static files, and the consumers of the description."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.pages.site.settings")
django.setup()

from channels.routing import ProtocolTypeRouter
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

from tests.description.site import application as sockets

application = ProtocolTypeRouter(
    {
        "http": ASGIStaticFilesHandler(get_asgi_application()),
        "websocket": sockets.application_mapping["websocket"],
    }
)
