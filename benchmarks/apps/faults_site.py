"""What the applications of the table of faults share: settings, work for handlers, a router."""

import asyncio
import time
from pathlib import Path
from urllib.parse import parse_qs

from benchmarks.apps import django_site
from benchmarks.wire import AppOptions

MEMBERS = ("alice", "logout", "deactivation", "password", "expiry")
"""Users with a session each, by name; but for alice they are called after what happens to them."""


def configure(options, apps=(), **chanx):
    """Configure Django; ``chanx`` is for the CHANX dictionary of those that read it."""
    more = {}
    if options.is_unlimited:
        chanx |= {"MESSAGE_RATE": None}
    if options.has_members:
        # A case does not wait five minutes for the next re-check.
        chanx |= {"RECHECK_INTERVAL": 2}
        more = {
            "ROOT_URLCONF": "benchmarks.apps.faults_views",
            "MIDDLEWARE": [
                "django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
            ],
        }
    django_site.configure(
        AppOptions(
            layer=options.layer,
            redis_url=options.redis_url,
            folder=options.folder,
            # Makes the tables, and the user whose object one may not see.
            credentials="session" if options.has_objects or options.has_members else "none",
        ),
        apps=apps,
        **more,
        **({"CHANX": chanx} if chanx or apps else {}),
    )
    if options.has_objects:
        from django.contrib.auth.models import User

        User.objects.create(pk=2, username="bob", password="!")
    if options.has_members:
        from django.conf import settings

        # As a site has it: with a star no check of origins could compare anything.
        settings.ALLOWED_HOSTS = ["127.0.0.1"]
        make_members()


def make_members():
    """Make the users, and a session for each, whose key is ``session-of-`` and the name."""
    from datetime import timedelta

    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    for name in MEMBERS:
        user, _ = User.objects.get_or_create(username=name, defaults={"password": "!"})
        values = {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
            HASH_SESSION_KEY: user.get_session_auth_hash(),
        }
        expiry = timezone.now() + timedelta(days=1)
        Session.objects.save(f"session-of-{name}", values, expiry)


def get_groups(scope):
    """Return the groups that ``?groups=`` names, separated by commas."""
    groups = parse_qs(scope["query_string"].decode()).get("groups", [""])[0]
    return [name for name in groups.split(",") if name]


async def hold(options, seconds):
    """Be busy, and note in the folder how that ended."""
    end = "cancelled"
    try:
        await asyncio.sleep(seconds)
        end = "finished"
    finally:
        note_end(options, end)


def note_end(options, end):
    """Write a line into the file that the case reads."""
    with Path(options.folder, "handlers").open("a", encoding="utf-8") as file:
        file.write(f"{end}\n")


async def run_queries(count, seconds):
    """Run queries that take so many seconds each, all at once, as Channels' docs tell to."""
    from channels.db import database_sync_to_async
    from django.db import connection

    @database_sync_to_async
    def query():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            time.sleep(seconds)

    await asyncio.gather(*(query() for _ in range(count)))


def make_publications(payload):
    """Yield the numbers that are to be published, each with its padding."""
    for number in range(payload["start"], payload["start"] + payload["count"]):
        yield {"number": number, "padding": "x" * payload["padding"]}


def make_permission():
    """Return a permission class: everybody may see alice, and nobody else."""
    from rest_framework.permissions import BasePermission

    class IsAlice(BasePermission):
        def has_object_permission(self, request, view, obj):
            return obj.username == "alice"

    return IsAlice


def make_router(consumers, members=None, middleware=None):
    """Return the application, with each consumer under its path.

    ``members`` is the consumer for users with a session, if there are any, and ``middleware``
    what a peer needs around it to know them.
    """
    from channels.routing import ProtocolTypeRouter, URLRouter
    from channels.security.websocket import AllowedHostsOriginValidator
    from django.core.asgi import get_asgi_application
    from django.urls import path

    routes = [path(route, consumer.as_asgi()) for route, consumer in consumers.items()]
    if members is None:
        return ProtocolTypeRouter({"websocket": URLRouter(routes)})
    application = members.as_asgi()
    if middleware is not None:
        application = middleware(application)
    routes += [
        path("ws/member/", application),
        path("ws/validated/", AllowedHostsOriginValidator(application)),
    ]
    return ProtocolTypeRouter({"http": get_asgi_application(), "websocket": URLRouter(routes)})


def get_middleware(options):
    """Return Channels' middleware that puts the user of a session into the scope."""
    if not options.has_members:
        return None
    from channels.auth import AuthMiddlewareStack

    return AuthMiddlewareStack
