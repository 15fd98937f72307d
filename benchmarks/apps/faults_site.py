"""What the applications of the table of faults share: settings, work for handlers, a router."""

import asyncio
import time
from pathlib import Path
from urllib.parse import parse_qs

from benchmarks.apps import django_site
from benchmarks.wire import AppOptions


def configure(options, apps=(), **chanx):
    """Configure Django; ``chanx`` is for the CHANX dictionary of those that read it."""
    if options.is_unlimited:
        chanx |= {"MESSAGE_RATE": None}
    django_site.configure(
        AppOptions(
            layer=options.layer,
            redis_url=options.redis_url,
            folder=options.folder,
            # Makes the tables, and the user whose object one may not see.
            credentials="session" if options.has_objects else "none",
        ),
        apps=apps,
        **({"CHANX": chanx} if chanx or apps else {}),
    )
    if options.has_objects:
        from django.contrib.auth.models import User

        User.objects.create(pk=2, username="bob", password="!")


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


def make_router(consumers):
    """Return the application, with each consumer under its path."""
    from channels.routing import ProtocolTypeRouter, URLRouter
    from django.urls import path

    routes = [path(route, consumer.as_asgi()) for route, consumer in consumers.items()]
    return ProtocolTypeRouter({"websocket": URLRouter(routes)})
