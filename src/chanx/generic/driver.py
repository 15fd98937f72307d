"""Ties one consumer to its connection, its hub and its log.

Not part of the consumer: Channels calls any public method of a consumer that an event's ``type``
names, and these are not to be called so.
"""

import asyncio
import copy
import itertools
import secrets
from collections.abc import Awaitable, Callable
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final

from channels.exceptions import StopConsumer
from django.db import Error as DatabaseError
from structlog.contextvars import bind_contextvars

from chanx.codes import CloseCode
from chanx.engine.codec import invalid
from chanx.engine.connection import Connection, Event, Problem, Receive, Send, State
from chanx.engine.events import EVENT_TYPE, Delivery, GroupEvent, Kind
from chanx.engine.hub import Hub
from chanx.engine.tasks import is_being_cancelled
from chanx.exceptions import BrokerError, MessageInvalid, NoChannelLayer
from chanx.generic.plan import ClassPlan, Options
from chanx.integrations.channel_layer import get_hub
from chanx.integrations.database import close_connections_now, close_connections_when_due
from chanx.integrations.observer import SCOPE_KEY, ConnectionObserver
from chanx.integrations.own_channel import ConnectionLayer, OwnChannel
from chanx.log import get_logger, log_exception
from chanx.messages.base import BaseMessage
from chanx.messages.outgoing import CompleteMessage, ErrorMessage, GroupCompleteMessage

__all__ = ["Driver", "check_text"]

_MAX_REQUEST_ID: Final = 128


def _get_log_variable(name: str) -> ContextVar[Any]:
    """Return the variable of a log field, in which structlog's own function puts it.

    Setting two costs a fifth of what the function takes: 1 of 20 microseconds per frame.
    """
    return Context().run(bind_contextvars, **{name: ...})[name].var


_MESSAGE_ID: Final = _get_log_variable("message_id")
_RECEIVED_ACTION: Final = _get_log_variable("received_action")


class Driver:
    """Drives a consumer: a handler to its connection, and a member to the hub."""

    def __init__(
        self, consumer: Any, plan: ClassPlan, scope: Any, receive: Receive, send: Send
    ) -> None:
        self.id = secrets.token_hex(16)
        self.user: str | None = None
        self.is_set_up = False
        """Authentication and ``post_authentication`` are done: frames and events are handled."""
        self.is_disconnected = False
        """``disconnect()`` was called."""
        self.plan = plan
        self.options = Options.resolve(consumer)
        self.connection = Connection(receive, send, self)
        self.log: Any = get_logger()
        self.observer: ConnectionObserver | None = scope.get(SCOPE_KEY)
        self.channel_layer: ConnectionLayer | None = None
        self.own_channel: OwnChannel | None = None
        self._hub: Hub | None = None
        self._consumer = consumer
        self._frames = 0
        self._events = itertools.count(1)
        self._group_complete = self._make_group_complete()
        self._bind_log_context(scope)
        self._context = copy_context()
        if self.observer:
            self.observer.connection = self.connection
            self.observer.sends_authentication = self.options.send_authentication
            self.connection.on_progress = self.observer.notify
        if found := get_hub(consumer.channel_layer_alias):
            self._hub, broker = found
            self.own_channel = OwnChannel(broker, self._handle_own_event)
            self.channel_layer = ConnectionLayer(broker, self._hub, self, self.own_channel)

    @property
    def is_open(self) -> bool:
        """The handshake is accepted and nobody has closed."""
        return self.connection.state is State.OPEN

    @property
    def is_connecting(self) -> bool:
        """The handshake is neither accepted nor refused."""
        return self.connection.state is State.CONNECTING

    def report(self, result: Any) -> None:
        """Tell a test client how authentication ended, and that all that follows it is done."""
        if self.observer:
            self.observer.authentication_result = result
            self.observer.notify()

    async def run(self) -> None:
        """Drive the consumer until the connection has ended and all is cleaned up."""
        code = int(CloseCode.ABNORMAL)
        try:
            code = await self.connection.run()
        finally:
            await self._finish(code)

    async def _finish(self, code: int) -> None:
        consumer = self._consumer
        try:
            await consumer.dispatch({"type": "websocket.disconnect", "code": code})
        except StopConsumer:
            pass
        except Exception as error:
            log_exception(self.log, "Failed to clean up after a connection", error)
        finally:
            # Again, for a consumer whose own websocket_disconnect() does not call ours.
            if self.own_channel:
                await self.own_channel.close()
            await self.leave_groups()
            close_connections_when_due()
            if self.observer:
                self.observer.is_finished = True
                self.observer.notify()

    # --- called by the connection ---------------------------------------------------------------

    async def handle_frame(self, event: Event) -> None:
        """Handle a frame; tell the client what goes wrong, and log it."""
        if not self.is_set_up:
            return
        close_connections_when_due()
        try:
            if self.plan.receives_directly:
                await self._consumer.receive_message(self._read_message(event))
            else:
                self._bind_frame()
                await self._consumer.dispatch(event)
        except (Exception, asyncio.CancelledError) as error:
            _raise_own_cancellation(error)
            if not await self._run(self._handle_frame_error, error, event):
                return
        if self.options.send_completion:
            await self._run(self._consumer.send_message, CompleteMessage(), event)

    async def _handle_frame_error(self, error: BaseException) -> None:
        if isinstance(error, StopConsumer):
            raise error
        if isinstance(error, MessageInvalid):
            self.log.info("Received invalid websocket json", error=error.errors[0]["type"])
            payload: Any = error.errors
        else:
            log_exception(self.log, "Failed to process message", error)
            await self._handle_database_error(error)
            payload = {"detail": "Failed to process message"}
        await self._consumer.send_message(ErrorMessage(payload=payload))

    async def handle_event(self, event: Event) -> None:
        """Handle an event of the socket or of the channel layer; log what goes wrong."""
        kind = event["type"]
        if kind == "websocket.receive":
            await self.handle_frame(event)  # sent through the layer
        elif kind == "websocket.connect" or self.is_set_up:
            close_connections_when_due()
            _MESSAGE_ID.set(...)  # structlog's sign for a field that is not bound
            _RECEIVED_ACTION.set(...)
            is_done = await self._run(self._consumer.dispatch, event, event)
            if is_done and kind == EVENT_TYPE and self.observer:
                self.observer.add_delivery()

    async def _run(
        self, step: Callable[[Any], Awaitable[None]], argument: Any, event: Event
    ) -> bool:
        """Take a step in handling an event; False: it has failed, or ended the connection."""
        try:
            await step(argument)
        except StopConsumer:
            self.connection.abort(CloseCode.NORMAL)
        except (Exception, asyncio.CancelledError) as error:
            _raise_own_cancellation(error)
            log_exception(self.log, "Failed to process event", error, event_type=event["type"])
            await self._handle_database_error(error)
            if event["type"] == "websocket.connect":
                await self._consumer.close(int(CloseCode.INTERNAL_ERROR))
        else:
            return True
        return False

    def handle_problem(self, problem: Problem) -> None:
        """Log why the connection is given up."""
        # Often told by the hub, whose task has no log fields of this connection.
        self._context.run(self.log.warning, "Closing slow websocket", reason=problem.value)

    def _read_message(self, event: Event) -> BaseMessage:
        self._bind_frame()
        message = self.options.decoder.decode(check_text(event.get("text")))
        _RECEIVED_ACTION.set(message.action)
        self.log_received(message.action)
        return message

    def _bind_frame(self) -> None:
        self._frames += 1
        _MESSAGE_ID.set(f"{self.id}:{self._frames}")
        _RECEIVED_ACTION.set(None)

    async def _handle_database_error(self, error: BaseException) -> None:
        if isinstance(error, DatabaseError):
            # The connection may be broken; the next message gets a new one.
            await close_connections_now()

    # --- called by the hub ----------------------------------------------------------------------

    def deliver(self, event: GroupEvent, delivery: Delivery) -> None:
        """Queue a group message: its text, or for a consumer with overrides the event."""
        if not self.plan.delivers_directly:
            self.connection.enqueue(event.to_dict())
            return
        self.connection.deliver(delivery.text, delivery.size)
        if self._group_complete:
            self.connection.deliver(self._group_complete, len(self._group_complete))
        if self.observer:
            self.observer.add_delivery()

    def enqueue(self, event: dict[str, Any]) -> bool:
        """Queue an event that others published with the channel layer."""
        if not (self.plan.overrides_dispatch or self._has_handler(event["type"])):
            return False
        try:
            # A copy, as each consumer of a group gets from Channels.
            self.connection.enqueue(copy.deepcopy(event))
        except Exception:
            self.log.exception("Failed to copy an event", event_type=event["type"])
        return True

    async def _handle_own_event(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if not isinstance(kind, str) or not self.enqueue(event):
            self.log.warning("Ignored an event", event_type=kind)

    def _has_handler(self, kind: str) -> bool:
        name = kind.replace(".", "_")
        return not name.startswith("_") and callable(getattr(self._consumer, name, None))

    # --- called by the consumer -----------------------------------------------------------------

    async def send_event(self, event: Event) -> None:
        """Take what Channels' methods give to the server, so that all of it leaves in order."""
        kind = event["type"]
        if kind == "websocket.send":
            if self.own_channel and not self.own_channel.is_safe_to_tell:
                await self.own_channel.make_safe_to_tell()
            await self.connection.send(event, wait=self.options.send_immediately)
        elif kind == "websocket.close":
            await self.connection.close(event.get("code"), event.get("reason"))
        elif kind == "websocket.accept":
            await self.connection.accept(event)
        else:
            await self.connection.pass_on(event)

    async def send_text(self, text: str, action: Any) -> None:
        """Send a frame that no method of the subclass wants to see."""
        if self.own_channel and not self.own_channel.is_safe_to_tell:
            await self.own_channel.make_safe_to_tell()
        event = {"type": "websocket.send", "text": text}
        if await self.connection.send(event, wait=self.options.send_immediately):
            self.log_sent(action)

    def set_user(self, user: Any) -> None:
        """Remember whose connection it is; anonymous users own nothing."""
        if getattr(user, "is_authenticated", False) and getattr(user, "pk", None) is not None:
            self.user = str(user.pk)

    async def join_groups(self, names: list[str]) -> None:
        """Join groups. Raises NoChannelLayer and BrokerError."""
        if names:
            await self._get_hub("groups").join(self, names)

    async def leave_groups(self) -> None:
        """Leave all groups. A failing broker is logged; memberships expire there by themselves."""
        if self._hub:
            try:
                await self._hub.leave(self)
            except BrokerError as error:
                self.log.warning("Failed to leave groups", error=str(error))

    async def publish(
        self, groups: list[str], text: str, action: Any, kind: Kind, *, exclude_current: bool
    ) -> None:
        """Publish an encoded message to each of the groups, one after the other."""
        hub = self._get_hub("group messages")
        if self.own_channel and not self.own_channel.is_safe_to_tell:
            await self.own_channel.make_safe_to_tell()
        encoder = self.options.encoder
        for group in groups:
            event = GroupEvent(
                group=group,
                text=text,
                kind=kind,
                exclude_current=exclude_current,
                sender=self.id,
                user=self.user,
                id=f"{self.id}:{next(self._events)}",
                action=None if action is None else str(action),
                flag_names=encoder.flag_names,
            )
            await self._publish(hub, event)
        if self._is_logged(action, self.options.log_sent):
            self.log.info("Sent group message", sent_action=action, groups=len(groups))

    async def _publish(self, hub: Hub, event: GroupEvent) -> None:
        if self.observer is None or not hub.get_members(event.group):
            await hub.publish(event)
            return
        on_delivered = self.observer.expect_event()
        try:
            await hub.publish(event, on_delivered)
        except BaseException:
            on_delivered()
            raise

    def log_received(self, action: Any) -> None:
        """Log a message that came in."""
        if self._is_logged(action, self.options.log_received):
            self.log.info("Received websocket json")

    def log_sent(self, action: Any) -> None:
        """Log a message that went out."""
        if self._is_logged(action, self.options.log_sent):
            self.log.info("Sent websocket json", sent_action=action)

    def _is_logged(self, action: Any, is_wanted: bool) -> bool:
        return is_wanted and action not in self.options.ignored_actions

    def _get_hub(self, what: str) -> Hub:
        if self._hub is None:
            raise NoChannelLayer(
                f"{type(self._consumer).__name__} uses {what}, but CHANNEL_LAYERS has no "
                f"{self._consumer.channel_layer_alias!r}: configure one in Django's settings"
            )
        return self._hub

    def _make_group_complete(self) -> str | None:
        if not self.options.send_completion:
            return None
        return self.options.encoder.encode(GroupCompleteMessage())

    def _bind_log_context(self, scope: Any) -> None:
        headers = dict(scope.get("headers", ()))
        client = scope.get("client")
        bind_contextvars(
            request_id=_clean_request_id(headers.get(b"x-request-id", b"")) or self.id,
            path=scope.get("path"),
            ip=client[0] if client else None,
        )


def _raise_own_cancellation(error: BaseException) -> None:
    """Raise a CancelledError that is meant for this task.

    One that something raised which a handler awaited is an error of the handler like others.
    """
    if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
        raise error


def check_text(text: str | None) -> str:
    """Return the text of a frame; a binary frame has none and raises MessageInvalid."""
    if text is None:
        raise invalid("json_type", "Messages are JSON in text frames, and this frame is binary")
    return text


def _clean_request_id(value: bytes) -> str | None:
    """Return the id that a client or proxy sent, if it is fit for a line of a log."""
    text = value.decode("latin-1")
    is_fit = 0 < len(text) <= _MAX_REQUEST_ID and text.isascii() and text.isprintable()
    return text if is_fit else None
