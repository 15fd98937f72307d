"""A server, a handler, a broker and members that tests can hold up, break and look into."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from chanx.engine.broker import OnEvent
from chanx.engine.connection import Connection, Event, Problem, State
from chanx.engine.events import Delivery, GroupEvent
from chanx.engine.limits import Limits
from chanx.exceptions import BrokerError

# Not a time that anything is held against: it turns a test that would hang into one that fails.
PATIENCE = 60.0

OnEventHandled = Callable[[Event], Awaitable[None]]


async def settle() -> None:
    """Let everything that can go on do so, to see afterwards what did not happen."""
    for _ in range(50):
        await asyncio.sleep(0)


class Watched:
    """Something whose changes can be waited for."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def changed(self) -> None:
        for condition, future in self._waiting:
            if not future.done() and condition():
                future.set_result(None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition is true; it must become so by a change of this object."""
        if condition():
            return
        entry = (condition, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(PATIENCE):
                await entry[1]
        finally:
            self._waiting.remove(entry)


def text_event(text: str) -> Event:
    return {"type": "websocket.send", "text": text}


def frame(text: str) -> Event:
    return {"type": "websocket.receive", "text": text}


class Server(Watched):
    """The server's side of a socket. ``stall()`` makes it a client that does not read."""

    def __init__(self) -> None:
        super().__init__()
        self.incoming: asyncio.Queue[Event] = asyncio.Queue()
        self.sent: list[Event] = []
        self.calls = 0
        """How many times send() was entered."""
        self.error: BaseException | None = None
        """Raised by send() instead of taking the event."""
        self._is_reading = asyncio.Event()
        self._is_reading.set()
        self._is_in_send = False
        self.has_overlap = False

    @property
    def texts(self) -> list[str]:
        return [event["text"] for event in self.sent if event["type"] == "websocket.send"]

    @property
    def close_codes(self) -> list[int | None]:
        return [event.get("code") for event in self.sent if event["type"] == "websocket.close"]

    async def until_texts(self, count: int) -> None:
        await self.until(lambda: len(self.texts) >= count)

    def stall(self) -> None:
        self._is_reading.clear()

    def resume(self) -> None:
        self._is_reading.set()

    def put(self, *events: Event) -> None:
        for event in events:
            self.incoming.put_nowait(event)

    def disconnect(self, code: int | None = 1000) -> None:
        self.put({"type": "websocket.disconnect", "code": code})

    async def receive(self) -> Event:
        event = await self.incoming.get()
        self.changed()
        return event

    async def send(self, event: Event) -> None:
        self.calls += 1
        self.has_overlap |= self._is_in_send
        self._is_in_send = True
        try:
            self.changed()
            await self._is_reading.wait()
            if self.error:
                raise self.error
            self.sent.append(event)
        finally:
            self._is_in_send = False
            self.changed()


class Recorder(Watched):
    """A handler that remembers what it was given; ``on_event`` is what it does meanwhile."""

    def __init__(self, on_event: OnEventHandled | None = None) -> None:
        super().__init__()
        self.on_event = on_event
        self.begun: list[Event] = []
        self.ended: list[Event] = []
        """Those whose handling went through to its end."""
        self.timed_out: list[Event] = []
        self.late: list[Event] = []
        self.completed: list[Event] = []
        self.end_codes: list[int] = []
        self.problems: list[Problem] = []
        self.has_overlap = False
        self._is_busy = False

    async def handle_event(self, event: Event) -> None:
        self.has_overlap |= self._is_busy
        self._is_busy = True
        self.begun.append(event)
        self.changed()
        try:
            if self.on_event:
                await self.on_event(event)
            self.ended.append(event)
        finally:
            self._is_busy = False
            self.changed()

    async def handle_frame(self, event: Event, now: float, has_waited: bool = False) -> str:
        await self.handle_event(event)
        return "handled"

    async def complete_frame(self, event: Event) -> None:
        self.completed.append(event)
        self.changed()

    async def handle_end(self, code: int) -> None:
        self.end_codes.append(code)
        self.changed()

    async def until_ended(self, count: int) -> None:
        await self.until(lambda: len(self.ended) >= count)

    def note_timeout(self, event: Event) -> None:
        self.late.append(event)
        self.changed()

    async def handle_timeout(self, event: Event, is_frame: bool) -> None:
        self.timed_out.append(event)
        self.changed()

    def handle_problem(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.changed()

    def make_dropped_notice(self, count: int) -> str:
        return f"missed {count}"


class Running:
    """A connection with the server and the handler around it, and the server's task."""

    def __init__(
        self,
        *,
        on_event: OnEventHandled | None = None,
        limits: Limits | None = None,
        accepted: bool = True,
    ) -> None:
        self.server = Server()
        self.handler = Recorder(on_event)
        self.connection = Connection(self.server.receive, self.server.send, self.handler, limits)
        self._accepted = accepted
        self.task: asyncio.Task[int]

    def is_in(self, state: State) -> bool:
        return self.connection.state is state

    async def begin(self) -> None:
        self.task = asyncio.create_task(self.connection.run())
        if self._accepted:
            await self.connection.accept({"type": "websocket.accept"})
            assert self.connection.state is State.OPEN
            self.server.sent.clear()
            self.server.calls = 0
        await settle()

    async def end(self) -> int:
        """Disconnect, if that was not done, and return what ``run()`` returns."""
        if not self.task.done():
            self.server.resume()
            self.server.disconnect()
        return await self.result()

    async def result(self) -> int:
        """Wait for ``run()`` to end and return what it returns."""
        async with asyncio.timeout(PATIENCE):
            return await self.task


class Start(Protocol):
    async def __call__(
        self,
        *,
        on_event: OnEventHandled | None = None,
        limits: Limits | None = None,
        accepted: bool = True,
    ) -> Running: ...


class FakeMember(Watched):
    """A connection as the hub sees it."""

    def __init__(self, name: str, user: str | None = None, handles: Iterable[str] = ()) -> None:
        super().__init__()
        self.id = name
        self.user = user
        self.handles = set(handles)
        self.deliveries: list[Delivery] = []
        self.events: list[dict[str, Any]] = []
        self.lost: list[tuple[str, int]] = []
        self.on_deliver: Callable[[GroupEvent], None] | None = None

    @property
    def texts(self) -> list[str]:
        return [delivery.text for delivery in self.deliveries]

    def deliver(self, event: GroupEvent, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        if self.on_deliver:
            self.on_deliver(event)
        self.changed()

    def enqueue(self, event: dict[str, Any]) -> bool:
        if event["type"] not in self.handles:
            return False
        self.events.append(event)
        self.changed()
        return True

    def lose(self, group: str, count: int) -> None:
        self.lost.append((group, count))
        self.changed()


class MemoryBroker(Watched):
    """A broker that can be held up and broken; several of them on one ``wire`` are processes.

    It is as strict as a broker may be: whoever subscribes twice, or unsubscribes from what was not
    subscribed, is told so by an exception.
    """

    def __init__(self, wire: "list[MemoryBroker] | None" = None) -> None:
        super().__init__()
        self._on_event: OnEvent | None = None
        self.calls: list[tuple[str, str]] = []
        self.subscribed: set[str] = set()
        self.failures: dict[tuple[str, str], BrokerError] = {}
        """What the next call of a method for a group raises, by method and group."""
        self.broken: set[str] = set()
        """Methods that always raise."""
        self.deadline: float | None = None
        self.waits: list[bool] = []
        """Whether each call of ``subscribe`` was to wait."""
        self.loses_events = False
        self._gate = asyncio.Event()
        self._gate.set()
        self._busy: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self._wire = wire if wire is not None else []
        self._wire.append(self)
        self.position = 0

    def hold(self) -> None:
        """Let calls begin and not end."""
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()

    def forget(self) -> None:
        """Keep no name that a test wants to see vanish."""
        self.calls.clear()
        self.subscribed.clear()
        self._locks.clear()

    def count(self, method: str, group: str) -> int:
        return self.calls.count((method, group))

    def listen(self, on_event: OnEvent) -> None:
        assert self._on_event is None
        self._on_event = on_event

    async def subscribe(self, group: str, *, wait: bool = True) -> None:
        self.waits.append(wait)
        await self._call("subscribe", group)
        assert group not in self.subscribed, f"{group} is subscribed already"
        self.subscribed.add(group)

    async def unsubscribe(self, group: str) -> None:
        assert group in self.subscribed, f"{group} is not subscribed"
        try:
            await self._call("unsubscribe", group)
        finally:
            # Failed or not, it then expires, and until then the hub may subscribe anew.
            self.subscribed.discard(group)

    async def publish(self, group: str, event: dict[str, Any]) -> int:
        self.calls.append(("publish", group))
        self._raise_failure("publish", group)
        self.position += 1
        for broker in self._wire:
            if group in broker.subscribed and not broker.loses_events:
                await broker.arrive(group, event)
        return self.position

    async def arrive(self, group: str, event: dict[str, Any]) -> None:
        """Hand over an event, one after the other in each group."""
        assert self._on_event
        async with self._locks.setdefault(group, asyncio.Lock()):
            await self._on_event(group, event)

    async def _call(self, method: str, group: str) -> None:
        assert group not in self._busy, f"two calls for {group} at once"
        self._busy.add(group)
        self.calls.append((method, group))
        self.changed()
        try:
            await self._gate.wait()
            self._raise_failure(method, group)
        finally:
            self._busy.discard(group)

    def _raise_failure(self, method: str, group: str) -> None:
        error = self.failures.pop((method, group), None)
        if error or method in self.broken:
            raise error or BrokerError(f"no {method}")
