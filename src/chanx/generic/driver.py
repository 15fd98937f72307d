"""Ties one consumer to its connection, its hub and its log.

Not part of the consumer: Channels calls any public method of a consumer that an event's ``type``
names, and these are not to be called so.
"""

import asyncio
import copy
import itertools
import secrets
from collections.abc import Awaitable, Callable, Iterable
from contextvars import copy_context
from time import monotonic, perf_counter
from typing import Any, Final

from channels.exceptions import StopConsumer
from django.db import Error as DatabaseError

from chanx.codes import CloseCode
from chanx.engine.connection import Connection, Event, Problem, Receive, Send, State
from chanx.engine.events import EVENT_TYPE, Delivery, GroupEvent, Kind
from chanx.engine.hub import Hub
from chanx.engine.stats import counters
from chanx.engine.tasks import raise_own_cancellation
from chanx.exceptions import BrokerError, NoChannelLayer, TooManyGroups
from chanx.generic.admission import tell_and_close
from chanx.generic.authenticator import AuthenticationResult
from chanx.generic.frames import Frames
from chanx.generic.handshake import FirstMessage
from chanx.generic.identity import Identity, get_user_key, needs_identity
from chanx.generic.log_context import bind_connection, unbind_frame
from chanx.generic.plan import ClassPlan, Options, get_quiet, is_handler_name
from chanx.generic.subprotocols import HEARTBEAT, PROTOCOL, select_protocol
from chanx.integrations.channel_layer import get_hub
from chanx.integrations.control import join_control
from chanx.integrations.database import close_connections_now, close_connections_when_due
from chanx.integrations.lanes import is_on_lane
from chanx.integrations.observer import SCOPE_KEY, ConnectionObserver
from chanx.integrations.own_channel import ConnectionLayer, OwnChannel
from chanx.integrations.shutdown import drain_at_sigterm
from chanx.log import get_logger, log_exception
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import DroppedMessage, DroppedPayload, GroupCompleteMessage

__all__ = ["Driver"]

_SETTINGS: Final = {
    Problem.INBOX_FULL: "INBOX_EVENTS",
    Problem.OUTBOX_FULL: "OUTBOX_FRAMES, OUTBOX_BYTES",
    Problem.TOO_BIG: "MAX_MESSAGE_SIZE",
    Problem.IDLE: "IDLE_TIMEOUT, HEARTBEAT_INTERVAL",
}
"""Where the bound is set that a connection has met."""


_MAX_TYPE: Final = 100
"""Characters of the type of an event that nobody knows, in the log."""


class _LostEvents(dict[str, Any]):
    """An event that no layer can bring, whatever ``type`` is written into one."""


class Driver:
    """Drives a consumer: a handler to its connection, and a member to the hub."""

    def __init__(
        self, consumer: Any, plan: ClassPlan, scope: Any, receive: Receive, send: Send
    ) -> None:
        self.id = secrets.token_hex(16)
        self.user: str | None = None
        self.begun = monotonic()
        self.identity: Identity | None = None
        """Exists while there is something about the user to look after."""
        self.is_set_up = False
        """Authentication and ``post_authentication`` are done: frames and events are handled."""
        self.first_message: FirstMessage | None = None
        """Exists while the client has time to send its token."""
        self.is_refused = False
        """The log says that the client does not get in, and nothing more of this connection."""
        self.is_disconnected = False
        """``disconnect()`` was called."""
        self.plan = plan
        self.options = Options.resolve(consumer, plan)
        self.limits = self.options.limits
        self.connection = Connection(receive, send, self, self.limits)
        self.log: Any = get_logger()
        self.observer: ConnectionObserver | None = scope.get(SCOPE_KEY)
        self.channel_layer: ConnectionLayer | None = None
        self.own_channel: OwnChannel | None = None
        self._hub: Hub | None = None
        self._consumer = consumer
        # A lane looks after its database connections by itself.
        self.closes_database = not is_on_lane()
        self._frames = Frames(self, consumer, self._run)
        self.handle_frame = self._frames.handle
        self.complete_frame = self._frames.complete
        self.connection.inbox.completes_frames = self.options.send_completion
        self._offered = scope.get("subprotocols") or ()
        self.has_heartbeat = False
        self._events = itertools.count(1)
        self._group_complete = self._make_group_complete()
        bind_connection(scope, self.id)
        self._context = copy_context()
        if self.observer:
            self.observer.connection = self.connection
            self.observer.sends_authentication = self.options.send_authentication
            self.connection.on_progress = self.observer.notify
        if found := get_hub(consumer.channel_layer_alias):
            self._hub, broker = found
            join_control(self._hub, broker)
            self.own_channel = OwnChannel(broker, self._handle_own_event)
            self.channel_layer = ConnectionLayer(broker, self._hub, self, self.own_channel)
            self.channel_layer.check_groups = self.check_groups

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
        counters.connections += 1
        drain_at_sigterm()
        await self.connection.run()

    # --- called by the connection ---------------------------------------------------------------

    async def handle_end(self, code: int) -> None:
        """Have the consumer clean up, for no longer than a handler may take."""
        self._drop_identity()
        # Servers differ in the code that they report after a close of ours.
        counters.closes[self.connection.closed_with or code] += 1
        if self.first_message:
            self.first_message.stop()
        event = {"type": "websocket.disconnect", "code": code}
        limit = asyncio.timeout(self.limits.handler_timeout)
        try:
            async with limit:
                await self._consumer.dispatch(event)
        except StopConsumer:
            pass
        except Exception as error:
            if limit.expired():
                self.note_timeout(event)
            else:
                log_exception(self.log, "Failed to clean up after a connection", error)
        finally:
            # Again, for a consumer whose own websocket_disconnect() does not call ours.
            if self.own_channel:
                await self.own_channel.close()
            await self.leave_groups()
            if self.closes_database:
                close_connections_when_due()
            if self.observer:
                self.observer.is_finished = True
                self.observer.notify()

    async def handle_timeout(self, event: Event, is_frame: bool) -> None:
        """Tell whoever waits for an answer that a handler took too long."""
        if is_frame and self.is_set_up:
            await self._frames.fail_late(event)
        elif is_frame or event["type"] == "websocket.connect":
            # Before it is set up, a frame is one that authenticates.
            await self._close_broken()

    def note_timeout(self, event: Event) -> None:
        """Log that a handler takes too long."""
        self.log.error(
            "Handler took too long",
            event_type=event["type"],
            seconds=self.limits.handler_timeout,
            setting="HANDLER_TIMEOUT",
        )

    async def _close_broken(self) -> None:
        """Close a connection that could not be set up."""
        code = int(CloseCode.INTERNAL_ERROR)
        try:
            await self._consumer.close(code)
        except Exception as error:
            log_exception(self.log, "Failed to process event", error, event_type="websocket.close")
            await self.connection.close(code)

    async def handle_event(self, event: Event) -> None:
        """Handle an event of the socket or of the channel layer; log what goes wrong."""
        kind = event["type"]
        if isinstance(event, _LostEvents):
            if self.is_set_up:
                await self._run(self._handle_lost, event, event)
        elif kind == "websocket.receive":
            # Sent through the layer, and so no frame of a client's, which would be counted.
            outcome = await self.handle_frame(event, perf_counter())
            if outcome != "discarded" and self.options.send_completion:
                await self.complete_frame(event)
        elif kind == "websocket.connect" or self.is_set_up:
            if self.closes_database:
                close_connections_when_due()
            unbind_frame()
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
            raise_own_cancellation(error)
            log_exception(self.log, "Failed to process event", error, event_type=event["type"])
            await self.handle_database_error(error)
            if event["type"] == "websocket.connect":
                await self._close_broken()
        else:
            return True
        return False

    def handle_problem(self, problem: Problem) -> None:
        """Log why the connection is given up."""
        setting = _SETTINGS.get(problem)
        if problem is Problem.HANDLER_STUCK:
            # In the context of the handler, which says what it handles.
            self.log.error("Handler does not end when cancelled", reason=problem.value)
        elif problem in (Problem.TOO_BIG, Problem.IDLE):
            self.log_closing(problem.value, setting)
        else:
            # Often told by the hub, whose task has no log fields of this connection.
            self._context.run(
                self.log.warning, "Closing slow websocket", reason=problem.value, setting=setting
            )

    def make_dropped_notice(self, count: int) -> str:
        """Return the message that tells a client how many it has missed."""
        self._context.run(
            self.log.info,
            "Dropped messages to a slow websocket",
            count=count,
            policy=self.limits.slow_client_policy,
            setting="OUTBOX_FRAMES, OUTBOX_BYTES",
        )
        return self.options.encoder.encode(DroppedMessage(payload=DroppedPayload(count=count)))

    def log_closing(self, reason: str, setting: str | None) -> None:
        """Log that a limit closes the connection."""
        limit = getattr(self.limits, setting.partition(",")[0].lower()) if setting else None
        # Sometimes told by a timer, in whose context there are no log fields.
        self._context.run(
            self.log.warning, "Closing websocket", reason=reason, setting=setting, limit=limit
        )

    async def handle_database_error(self, error: BaseException) -> None:
        """See to it that the next message gets a database connection that works."""
        if self.closes_database and isinstance(error, DatabaseError):
            await close_connections_now()

    # --- called by the hub ----------------------------------------------------------------------

    def deliver(self, event: GroupEvent, delivery: Delivery) -> None:
        """Queue a group message: its text, or for a consumer with overrides the event."""
        if not self.plan.delivers_directly:
            self.connection.enqueue(event.to_dict())
            return
        self.connection.deliver(delivery.text, delivery.size, event.key, self._group_complete)
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

    def lose(self, group: str, count: int) -> None:
        """Queue the news that events were lost, for a consumer that wants to know."""
        if self.plan.handles_lost_events:
            self.connection.enqueue(_LostEvents(type="chanx.lost", group=group, count=count))

    async def _handle_lost(self, event: Event) -> None:
        await self._consumer.handle_lost_events(event["group"], event["count"])

    async def _handle_own_event(self, event: Any) -> None:
        kind = event.get("type") if isinstance(event, dict) else None
        if not isinstance(kind, str) or not self.enqueue(event):
            self.log.warning("Ignored an event", event_type=str(kind)[:_MAX_TYPE])

    def _has_handler(self, kind: str) -> bool:
        name = kind.replace(".", "_")
        return is_handler_name(name) and callable(getattr(self._consumer, name, None))

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
            event = select_protocol(event, self._offered)
            self.has_heartbeat = event.get("subprotocol") == PROTOCOL and HEARTBEAT in self._offered
            await self.connection.accept(event)
        else:
            await self.connection.pass_on(event)

    def begin_handling(self) -> None:
        """Handle frames and events from now on: the connection is set up, if it is still open."""
        if not self.is_open:
            return
        limits = self.limits
        self.is_set_up = True
        if limits.message_rate is not None:
            self._frames.limit_rate(limits.message_rate, limits.message_burst, perf_counter())
        if self.has_heartbeat or limits.idle_timeout is not None:
            self.connection.watch_silence(self._ping if self.has_heartbeat else None)
        if limits.concurrent_messages > 1:
            self.connection.inbox.open_up(limits.concurrent_messages)

    def _ping(self) -> None:
        self.connection.ping(self.options.encoder.encode(PingMessage()))

    async def send_text(self, text: str, action: Any) -> None:
        """Send a frame that no method of the subclass wants to see."""
        if self.own_channel and not self.own_channel.is_safe_to_tell:
            await self.own_channel.make_safe_to_tell()
        event = {"type": "websocket.send", "text": text}
        options = self.options
        if await self.connection.send(event, wait=options.send_immediately) and options.log_sent:
            self.log_sent(action)

    def set_user(self, user: Any) -> None:
        """Remember whose connection it is; anonymous users own nothing."""
        self.user = get_user_key(user)

    def mute(self) -> None:
        """Log nothing more of what is sent, and not that the connection has ended."""
        self.is_refused = True
        self.options = get_quiet(self.options)

    def keep_identity(self, authenticator: Any, begun: float | None = None) -> None:
        """Look after the identity that an authenticator has found, in the place of an older one.

        From now on until the end: it is asked again in its interval, when its token expires and
        when something happens to the user. ``user`` and ``obj`` of the consumer are set. ``begun``:
        when the authenticator began to look, on the monotonic clock; None: with the connection.
        """
        if self.connection.is_closing:
            return
        if self.identity is None and needs_identity(self.user, authenticator):
            self.identity = Identity(self, self._consumer, self._context)
        if self.identity:
            self.identity.keep(authenticator, self.begun if begun is None else begun)

    def revoke(self, result: AuthenticationResult) -> None:
        """Tell the client that it may not stay, and close, waiting for nothing.

        Nothing of a group or a handler comes in between or later, and no frame is handled any more.
        A handler that runs is not cancelled before the client has answered: what it does to the
        database may be what the revocation came from.
        """
        if self.connection.is_closing:
            return
        self._drop_identity()
        self._context.copy().run(
            self.log.info, "Revoking a connection", status=result.status_code, user=self.user
        )
        tell_and_close(self, result)

    def kick(self, code: int, reason: str) -> None:
        """Close because somebody wants it, waiting for nothing."""
        if not self.connection.is_closing:
            self._drop_identity()
            self._context.copy().run(
                self.log.info, "Disconnecting a user", code=code, user=self.user
            )
            self.connection.close_soon(code, reason or None)

    def _drop_identity(self) -> None:
        identity, self.identity = self.identity, None
        if identity:
            identity.stop()

    async def join_groups(self, names: list[str]) -> None:
        """Join groups. Raises NoChannelLayer, TooManyGroups and BrokerError."""
        if names:
            hub = self._get_hub("groups")
            self.check_groups(names)
            await hub.join(self, names)

    def check_groups(self, names: Iterable[str]) -> None:
        """Raise TooManyGroups when the connection would be in more groups than it may."""
        bound = self.limits.max_groups
        if bound is None or self._hub is None:
            return
        count = len({*self._hub.get_groups(self), *names})
        if count > bound:
            raise TooManyGroups(
                f"A connection of {type(self._consumer).__name__} would be in {count} groups, and "
                f"may be in {bound}: join fewer, or raise max_groups on the class or MAX_GROUPS in "
                "CHANX"
            )

    async def leave_groups(self) -> None:
        """Leave all groups. A failing broker is logged; memberships expire there by themselves."""
        if self._hub:
            try:
                await self._hub.leave(self)
            except BrokerError as error:
                self.log.warning("Failed to leave groups", error=str(error))

    async def publish(
        self,
        groups: list[str],
        text: str,
        action: Any,
        kind: Kind,
        *,
        exclude_current: bool,
        key: str | None,
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
                key=key,
            )
            await self._publish(hub, event)
        if self.options.log_sent and action not in self.options.ignored_actions:
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
        if self.options.log_received and action not in self.options.ignored_actions:
            self.log.info("Received websocket json")

    def log_sent(self, action: Any) -> None:
        """Log a message that went out."""
        if self.options.log_sent and action not in self.options.ignored_actions:
            self.log.info("Sent websocket json", sent_action=action)

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
