"""What the Django peers share: settings, users with credentials, a router."""

from importlib import import_module
from pathlib import Path

import django
from django.conf import settings


def configure(options, apps=(), **more):
    """Configure Django and, if somebody is to log in, make the database with one user."""
    settings.configure(
        SECRET_KEY="only for measuring",
        DEBUG=False,
        ALLOWED_HOSTS=["*"],
        USE_TZ=True,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "channels",
            "rest_framework",
            "rest_framework.authtoken",
            *apps,
        ],
        # Not kept after each request or event would be the default, and slower for everybody.
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(Path(options.folder, "db.sqlite3")),
                "CONN_MAX_AGE": 600,
            }
        },
        # Tables straight from the models: measuring does not wait for migrations.
        MIGRATION_MODULES=dict.fromkeys(("auth", "contenttypes", "sessions", "authtoken")),
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        CHANNEL_LAYERS={"default": make_layer(options)},
        LOGGING_CONFIG=None,
        **more,
    )
    django.setup()
    if options.credentials != "none":
        make_user(options)
    if options.mode == "database":
        make_database()


def make_layer(options):
    """Return the configuration of the channel layer, with the layer's own defaults."""
    if options.layer == "memory":
        return {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    backend = {
        "core": "channels_redis.core.RedisChannelLayer",
        "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
    }[options.layer]
    return {"BACKEND": backend, "CONFIG": {"hosts": [options.redis_url]}}


def make_user(options):
    """Make a user, and write the headers with which a client logs in into the folder."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from rest_framework.authtoken.models import Token

    call_command("migrate", run_syncdb=True, verbosity=0)
    user = User.objects.create(username="alice", password="!")
    if options.credentials == "token":
        header = f"authorization: Token {Token.objects.create(user=user).key}"
    else:
        session = import_module(settings.SESSION_ENGINE).SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        header = f"cookie: {settings.SESSION_COOKIE_NAME}={session.session_key}"
    Path(options.folder, "header").write_text(header, "utf-8")


def make_database():
    """Make the tables and a hundred users, and give SQLite a function that takes its time."""
    import time

    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db.backends.signals import connection_created

    def add_sleep(connection, **kwargs):
        connection.connection.create_function("sleep", 1, time.sleep)

    connection_created.connect(add_sleep, weak=False)
    call_command("migrate", run_syncdb=True, verbosity=0)
    User.objects.bulk_create(User(username=f"user {number}", password="!") for number in range(100))


def make_query(options):
    """Return how a handler asks the database once, in the way that the options name."""
    from uuid import uuid4

    from channels.db import database_sync_to_async
    from django.contrib.auth.models import User

    async def ask():
        await User.objects.aget(username="user 42")

    def ask_in_thread():
        User.objects.get(username="user 42")

    async def insert():
        await User.objects.acreate(username=uuid4().hex)

    ways = {
        "async": ask,
        "thread": database_sync_to_async(ask_in_thread),
        "insert": insert,
    }
    return ways[options.query]


async def ask_slowly(count=100, seconds=0.05):
    """Queue queries that take long, all at once."""
    import asyncio

    from channels.db import database_sync_to_async
    from django.db import connection

    def ask():
        with connection.cursor() as cursor:
            cursor.execute("SELECT sleep(%s)", [seconds])

    await asyncio.gather(*(database_sync_to_async(ask)() for _ in range(count)))


def make_router(consumer, middleware=None):
    """Return what an asgi.py has: the consumer under its URL, behind a middleware if given."""
    from channels.routing import ProtocolTypeRouter, URLRouter
    from django.urls import path

    router = URLRouter([path("ws/", consumer.as_asgi())])
    return ProtocolTypeRouter({"websocket": middleware(router) if middleware else router})


def get_channels_middleware(options):
    """Return how users of Channels log in: its own middleware, or one for tokens as its
    documentation shows."""
    from channels.auth import AuthMiddlewareStack

    return make_token_middleware() if options.credentials == "token" else AuthMiddlewareStack


def get_session_middleware(options):
    """Return the middleware for those who take the user of a session from the scope, or None."""
    if options.credentials != "session":
        return None

    def make_stack(application):
        # Imported when Django is set up.
        from channels.auth import AuthMiddlewareStack

        return AuthMiddlewareStack(application)

    return make_stack


def make_token_middleware():
    """Return a middleware that looks DRF's tokens up."""
    from channels.db import database_sync_to_async
    from channels.middleware import BaseMiddleware
    from django.contrib.auth.models import AnonymousUser
    from rest_framework.authtoken.models import Token

    @database_sync_to_async
    def get_user(header):
        key = header.removeprefix("Token ")
        try:
            return Token.objects.select_related("user").get(key=key).user
        except Token.DoesNotExist:
            return AnonymousUser()

    class TokenAuthMiddleware(BaseMiddleware):
        async def __call__(self, scope, receive, send):
            header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            scope = dict(scope, user=await get_user(header))
            return await super().__call__(scope, receive, send)

    return TokenAuthMiddleware
