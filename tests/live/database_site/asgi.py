"""The application whose consumers use the database, alone and behind a middleware that does too."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.live.database_site.settings")
django.setup()

from channels.routing import ProtocolTypeRouter, URLRouter

from chanx.routing import path
from tests.live.database_site.consumers import DatabaseConsumer, DatabaseMiddleware
from tests.live.site.consumers import ControlConsumer

consumer = DatabaseConsumer.as_asgi()
application = ProtocolTypeRouter(
    {
        "websocket": URLRouter(
            [
                path("ws/database/", consumer),
                path("ws/middleware/", DatabaseMiddleware(consumer)),
                path("ws/control/", ControlConsumer.as_asgi()),
            ]
        )
    }
)
