"""The application. Starting it makes the database, with two users."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.live.peer_site.settings")
django.setup()

from channels.routing import ProtocolTypeRouter, URLRouter
from django.contrib.auth.models import User
from django.core.management import call_command

from chanx.routing import include, path
from tests.live.peer_site.consumers import ConcurrentConsumer, ObjectConsumer, PeerConsumer
from tests.live.site.routing import router

call_command("migrate", run_syncdb=True, verbosity=0)
for key, name in ((1, "alice"), (2, "bob")):
    User.objects.create(pk=key, username=name)

application = ProtocolTypeRouter(
    {
        "websocket": URLRouter(
            [
                path("ws/", include(router)),
                path("ws/peer/", PeerConsumer.as_asgi()),
                path("ws/concurrent/", ConcurrentConsumer.as_asgi()),
                path("ws/object/<int:pk>/", ObjectConsumer.as_asgi()),
            ]
        )
    }
)
