"""Consumers that do what their messages say and count what happens to them."""

import asyncio
import gc
from collections import defaultdict
from typing import Any, assert_never
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.db import connection

import chanx
from chanx.engine.connection import Connection
from chanx.exceptions import BrokerError
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.integrations.channel_layer import get_hub
from stress.memory import get_resident_bytes
from stress.site.messages import (
    BlockMessage,
    ControlIncomingMessage,
    EchoMessage,
    HangMessage,
    LoadIncomingMessage,
    Number,
    NumberMessage,
    Publication,
    PublishedMessage,
    PublishMessage,
    QueryMessage,
    ReleaseMessage,
    Report,
    ReportMessage,
    WaitMessage,
)
from tests.live.site.board import board

LoadMessage = EchoMessage | PublishMessage | BlockMessage | HangMessage | QueryMessage

_SUM = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < %s) "
    "SELECT sum(x) FROM n"
)

released: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


class LoadConsumer(AsyncJsonWebsocketConsumer):
    """``?client=`` names it in the counts, ``?groups=`` its groups. Nothing limits its clients."""

    authentication_classes = []
    permission_classes = []
    INCOMING_MESSAGE_SCHEMA = LoadIncomingMessage
    message_rate: float | None = None
    max_invalid_messages: int | None = None
    handler_timeout: float | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Count the beginning and the end of all that is done for a connection."""
        query = parse_qs(scope["query_string"].decode())
        self.client = query.get("client", ["?"])[0]
        self.wanted_groups = query.get("groups", [])
        board.add("begun", self.client)
        try:
            await super().__call__(scope, receive, send)
        finally:
            board.add("ended", self.client)

    async def build_groups(self) -> list[str]:
        """Return the names in ``?groups=``, separated by commas."""
        return [name for names in self.wanted_groups for name in names.split(",")]

    async def disconnect(self, code: int) -> None:
        """Count."""
        board.add("disconnected", self.client)

    async def receive_message(self, message: LoadMessage, **kwargs: Any) -> None:
        """Do what the message says."""
        match message:
            case EchoMessage():
                await self.send_message(message)
            case PublishMessage():
                await self.publish(message.payload)
            case BlockMessage():
                await self.block(released[message.payload])
                await self.send_message(message)
            case HangMessage():
                await self.block(asyncio.Event())
            case QueryMessage():
                total = await database_sync_to_async(sum_up_to)(message.payload)
                await self.send_message(QueryMessage(payload=total))
            case _:
                assert_never(message)

    async def block(self, event: asyncio.Event) -> None:
        """Wait, and count how it ends."""
        board.add("blocking", self.client)
        try:
            await event.wait()
        except asyncio.CancelledError:
            board.add("cancelled", self.client)
            raise

    async def publish(self, wanted: Publication) -> None:
        """Publish numbers, one after the other, and say which ones were not."""
        failed = []
        for number in range(wanted.start, wanted.start + wanted.count):
            payload = Number(group=wanted.group, sender=wanted.sender, number=number)
            message = NumberMessage(payload=payload, padding=wanted.padding)
            try:
                await self.send_group_message(
                    message, [wanted.group], exclude_current=False, kind="json"
                )
            except BrokerError:
                failed.append(number)
        await self.send_message(PublishedMessage(payload=failed))


class LimitedConsumer(LoadConsumer):
    """Takes a hundred messages at once and one a second; three invalid ones in a row are enough."""

    message_rate = 1
    message_burst = 100
    max_invalid_messages = 3


class ImpatientConsumer(LoadConsumer):
    """Waits for no handler longer than a busy machine takes for any other."""

    handler_timeout = 1.0


class ConcurrentConsumer(LoadConsumer):
    """Handles four messages at once."""

    concurrent_messages = 4


class SlowConsumer(LoadConsumer):
    """Closes clients that do not read, and has the keys for the policy that keeps the latest."""

    def coalesce_key(self, message: Any) -> str | None:
        """Let the last digit of a number say what the message is the newest state of."""
        is_number = isinstance(message, NumberMessage)
        return str(message.payload.number % 10) if is_number else None


class DropNewestConsumer(SlowConsumer):
    """Drops what does not fit."""

    slow_client_policy = "drop_newest"


class DropOldestConsumer(SlowConsumer):
    """Drops what waits longest."""

    slow_client_policy = "drop_oldest"


class CoalesceConsumer(SlowConsumer):
    """Keeps the latest of each key."""

    slow_client_policy = "coalesce"


def sum_up_to(number: int) -> int:
    """Return 1 + 2 + ... + number, as the database counts."""
    with connection.cursor() as cursor:
        cursor.execute(_SUM, [number])
        total: int = cursor.fetchone()[0]
    return total


class ControlConsumer(AsyncJsonWebsocketConsumer):
    """Tells how the process is."""

    authentication_classes = []
    permission_classes = []
    INCOMING_MESSAGE_SCHEMA = ControlIncomingMessage
    message_rate = None
    handler_timeout = None

    async def receive_message(
        self, message: WaitMessage | ReleaseMessage | ReportMessage, **kwargs: Any
    ) -> None:
        """Wait if that is asked for, and report."""
        if isinstance(message, WaitMessage):
            wanted = message.payload
            await board.wait(wanted.event, wanted.count, wanted.prefix)
        elif isinstance(message, ReleaseMessage):
            released[message.payload].set()
        await self.send_message(ReportMessage(payload=self.make_report()))

    def make_report(self) -> Report:
        """Look at the process as it is now."""
        found = get_hub(self.channel_layer_alias)
        groups = found[0]._groups if found else {}
        gc.collect()
        statistics = chanx.stats()
        return Report(
            counts=board.report(),
            members={name: len(group.members) for name, group in groups.items()},
            memory=get_resident_bytes(),
            tasks=sorted(describe(task) for task in asyncio.all_tasks()),
            # Not isinstance(), which wakes lazy objects.
            connections=sum(type(thing) is Connection for thing in gc.get_objects()),
            registered=sum(statistics.connections.values()),
            stats=statistics.counters,
        )


def describe(task: asyncio.Task[Any]) -> str:
    """Return the name of a task, or of its coroutine when it was given none."""
    name = task.get_name()
    if not name.startswith("Task-"):
        return name
    return getattr(task.get_coro(), "__qualname__", name)
