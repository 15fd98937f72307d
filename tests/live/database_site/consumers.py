"""A consumer whose handlers use the database in each of the ways there are."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.middleware import BaseMiddleware
from django.contrib.auth.models import User
from django.db import connection
from django.db.backends.signals import connection_created
from pydantic import BaseModel

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import PongMessage
from tests.live.site.board import board
from tests.live.site.consumers import gate, get_parameters


def add_sleep(connection: Any, **kwargs: Any) -> None:
    """Give SQLite the function that PostgreSQL has."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("pg_sleep", 1, time.sleep)


connection_created.connect(add_sleep)


class Work(BaseModel):
    """Queries that are started at once, each as long as asked for.

    ``way``: by the async ORM, or by the sync one in a thread, asgiref's way or Channels'.
    ``is_gated``: each holds its thread until the test opens the gate.
    """

    count: int = 1
    seconds: float = 0
    is_gated: bool = False
    way: Literal["async", "sync", "channels"] = "sync"


class QueryMessage(BaseMessage):
    """Asks for queries."""

    action: Literal["query"] = "query"
    payload: Work


class Done(BaseModel):
    """Where the queries ran, and how many of other connections had ended by then.

    ``before``: when they were asked for; ``after``: when the last of them ran.
    """

    threads: list[str]
    before: int
    after: int


class QueriedMessage(BaseMessage):
    """Answers when all queries are done."""

    action: Literal["queried"] = "queried"
    payload: Done


class DatabaseIncomingMessage(BaseIncomingMessage):
    """What clients may send."""

    message: PingMessage | QueryMessage


finished: Counter[int] = Counter()
"""Queries that have ended, by consumer."""


class DatabaseConsumer(AsyncJsonWebsocketConsumer):
    """Does queries; ``?client=`` names it in the counts."""

    authentication_classes = []
    permission_classes = []
    INCOMING_MESSAGE_SCHEMA = DatabaseIncomingMessage

    async def receive_message(self, message: PingMessage | QueryMessage, **kwargs: Any) -> None:
        """Answer at once, or when the database has."""
        if isinstance(message, PingMessage):
            await self.send_message(PongMessage())
            return
        work = message.payload
        board.add("querying", get_parameters(self.scope).get("client", "?"))
        self.done = Done(threads=[], before=self.count_others(), after=0)
        await asyncio.gather(*(self.start(work) for _ in range(work.count)))
        await self.send_message(QueriedMessage(payload=self.done))

    async def disconnect(self, code: int) -> None:
        """Count."""
        board.add("disconnected", get_parameters(self.scope).get("client", "?"))

    def start(self, work: Work) -> Awaitable[Any]:
        """Start one query."""
        if work.way == "async":
            return self.query_async()
        hop: Callable[[Any], Any] = sync_to_async
        if work.way == "channels":
            hop = database_sync_to_async
        started: Awaitable[Any] = hop(self.query)(work)
        return started

    async def query_async(self) -> None:
        """Ask as async views do."""
        await User.objects.acount()
        self.done.threads.append(await sync_to_async(get_thread)())

    def query(self, work: Work) -> None:
        """Ask, and take as long for it as was asked for."""
        self.done.after = self.count_others()
        self.done.threads.append(get_thread())
        if work.is_gated:
            gate.wait()
        if work.seconds:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(%s)", [work.seconds])
        else:
            User.objects.count()
        finished[id(self)] += 1

    def count_others(self) -> int:
        """Return how many queries of other connections have ended."""
        return finished.total() - finished[id(self)]


def get_thread() -> str:
    """Return the name of this thread."""
    return threading.current_thread().name


class DatabaseMiddleware(BaseMiddleware):
    """Asks the database about each connection, before any consumer is there."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        """Ask, and go on."""
        await User.objects.acount()
        return await super().__call__(scope, receive, send)
