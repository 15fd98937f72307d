"""Fills the database with people and rooms, and serves the site."""

import errno
import os
import socket
import sys
from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import BaseCommand, CommandError, call_command
from django.db import transaction
from django.urls import reverse
from rest_framework.authtoken.models import Token
from uvicorn.config import WS_PROTOCOLS

from chat.models import Message, Room

PEOPLE = ["alice", "bob", "carol", "admin"]  # admin may also use the site at /admin/

# slug: name, topic, members, first messages
ROOMS: dict[str, tuple[str, str, list[str], list[tuple[str, str]]]] = {
    "general": (
        "General",
        "News, questions and small talk",
        PEOPLE,
        [
            ("carol", "Good morning! Anybody here yet?"),
            ("alice", "Just made coffee."),
            ("bob", "On the train, the connection comes and goes. Nothing is lost, though."),
        ],
    ),
    "engineering": (
        "Engineering",
        "How it is built, and how it could be better",
        ["alice", "bob"],
        [
            ("alice", "The new release is up for review."),
            ("bob", "Reading it now."),
        ],
    ),
    "notes": (
        "Notes",
        "Alice alone is a member; bob sees a refusal",
        ["alice"],
        [],
    ),
}


class Command(BaseCommand):
    help = "Creates demo users and rooms, then serves the chat. May be run again at any time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--no-server", action="store_true", help="fill the database only")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo users' passwords are public. Run this with debug on only.")
        host, port, serves = options["host"], options["port"], not options["no_server"]
        listener = self.get_listener(host, port) if serves else None
        call_command("migrate", verbosity=0)
        self.create_demo()
        if listener is None:
            self.stdout.write("The demo users and rooms are there. The passwords are demo-<name>.")
        else:
            self.serve(listener, host)

    def get_listener(self, host: str, port: int) -> socket.socket:
        """Take the port before anything else, so that a taken one is told at once."""
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if os.name == "posix":  # elsewhere the option lets two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()  # two may bind, one may listen
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                raise CommandError(
                    f"Port {port} on {host} is in use by another program. "
                    f"Choose another one, for example: --port {port + 1}"
                ) from None
            raise CommandError(f"Cannot listen on {host}, port {port}: {error.strerror}") from None
        return listener

    @transaction.atomic
    def create_demo(self) -> None:
        users = {name: self.get_user(name) for name in PEOPLE}
        for slug, (name, topic, members, messages) in ROOMS.items():
            room, created = Room.objects.get_or_create(
                slug=slug, defaults={"name": name, "topic": topic}
            )
            if created:
                room.members.set(users[member] for member in members)
                for author, text in messages:
                    Message.objects.create(room=room, author=users[author], text=text)

    def get_user(self, name: str) -> User:
        is_staff = name == "admin"
        user, created = User.objects.get_or_create(
            username=name, defaults={"is_staff": is_staff, "is_superuser": is_staff}
        )
        if created:  # a new password on every run would end everybody's session
            user.set_password(f"demo-{name}")
            user.save()
        Token.objects.get_or_create(user=user)
        return user

    def serve(self, listener: socket.socket, host: str) -> None:
        if host not in settings.ALLOWED_HOSTS:
            settings.ALLOWED_HOSTS.append(f"[{host}]" if ":" in host else host)
        port = listener.getsockname()[1]
        shown_host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
        url = f"http://{shown_host}:{port}"
        directory = os.path.relpath(settings.BASE_DIR)
        change = "" if directory == os.curdir else f"cd {directory} && "
        # The one that runs this has what the client needs; the shell's own need not.
        python = min(os.path.relpath(sys.executable, settings.BASE_DIR), sys.executable, key=len)
        self.stdout.write(
            f"Chat: {url}  Log in as {', '.join(PEOPLE)}; the password is demo-<name>.\n"
            f"Terminal: {change}{python} -m chat.cli --url {url} --user bob --room general\n"
            f"The API of its sockets: {url}{reverse('websocket_reference')}  "
            f"Try it: {url}{reverse('websocket_playground')}?endpoint=RoomConsumer&p.slug=general"
        )
        self.stdout.flush()

        # The sans-I/O implementation is uvicorn's fastest; older releases do not have it.
        ws = "websockets-sansio" if "websockets-sansio" in WS_PROTOCOLS else "auto"
        config = uvicorn.Config(
            "chatsite.asgi:application",
            ws=ws,
            lifespan="off",
            log_level="warning",
        )
        uvicorn.Server(config).run(sockets=[listener])
