"""The consumer that users subclass."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, cast

from channels.consumer import get_handler_name
from channels.exceptions import AcceptConnection, DenyConnection, StopConsumer
from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer as ChannelsAsyncJsonWebsocketConsumer,
)
from pydantic_core import from_json
from structlog.contextvars import bind_contextvars
from typing_extensions import TypeVar

from chanx.engine.codec import FLAGS, get_encoder, invalid, parse_json
from chanx.engine.events import GroupEvent, Kind
from chanx.engine.limits import SlowClientPolicy
from chanx.exceptions import MessageInvalid, MessageNotInSchema, NoChannelLayer
from chanx.generic.admission import refuse_early
from chanx.generic.authenticator import ChanxWebsocketAuthenticator, ObjectSource
from chanx.generic.driver import Driver
from chanx.generic.frames import check_text
from chanx.generic.handshake import Handshake
from chanx.generic.handshake_view import is_queryset
from chanx.generic.plan import get_plan, is_handler_name
from chanx.generic.problems import (
    check_consumer,
    check_settings_of_sockets,
    warn_without_app,
)
from chanx.integrations.lanes import lanes
from chanx.messages.base import (
    BaseIncomingMessage,
    BaseMessage,
    BaseOutgoingGroupMessage,
    BaseOutgoingMessage,
)
from chanx.messages.outgoing import GroupCompleteMessage
from chanx.settings import chanx_settings

if TYPE_CHECKING:
    from rest_framework.request import Request

__all__ = ["AsyncJsonWebsocketConsumer"]

ModelT = TypeVar("ModelT", default=Any)

_AUTHENTICATOR_ATTRIBUTES = (
    "authentication_classes",
    "permission_classes",
    "throttle_classes",
    "queryset",
    "lookup_field",
    "lookup_url_kwarg",
    "auth_method",
    "token_transports",
)


class AsyncJsonWebsocketConsumer(ChannelsAsyncJsonWebsocketConsumer, ABC, Generic[ModelT]):
    """A WebSocket endpoint with DRF's authentication and Pydantic's messages.

    A subclass sets ``INCOMING_MESSAGE_SCHEMA`` and writes ``receive_message``. With a model class
    in brackets, ``AsyncJsonWebsocketConsumer[Room]``, the editor knows the type of ``self.obj``.

    It is a Channels consumer: what Channels lets a subclass override is called when it is
    overridden. Messages and layer events of a connection are handled one at a time, in the order in
    which they came; when the client goes, a running handler is cancelled.
    """

    authentication_classes: Sequence[Any] | None = None
    """DRF authentication classes; None: the project's DEFAULT_AUTHENTICATION_CLASSES."""
    permission_classes: Sequence[Any] | None = None
    """DRF permission classes; None: the project's DEFAULT_PERMISSION_CLASSES."""
    throttle_classes: Sequence[Any] | None = None
    """DRF throttle classes, which count handshakes; None: the project's DEFAULT_THROTTLE_CLASSES,
    or what ``authenticator_class`` has."""
    queryset: ObjectSource | bool | None = True
    """Where to look up ``obj`` for object permissions; True or None: there is no object."""
    lookup_field: str = "pk"
    lookup_url_kwarg: str | None = None
    auth_method: str = "get"
    """The HTTP method that permission classes see."""
    authenticator_class: type[ChanxWebsocketAuthenticator] = ChanxWebsocketAuthenticator

    INCOMING_MESSAGE_SCHEMA: type[BaseIncomingMessage]
    """What clients may send. Required."""
    OUTGOING_MESSAGE_SCHEMA: type[BaseOutgoingMessage]
    """What may be sent to the client with ``send_message``, beside what chanx sends of itself;
    unset: any message."""
    OUTGOING_GROUP_MESSAGE_SCHEMA: type[BaseOutgoingGroupMessage]
    """What may be sent to groups; unset: any message."""

    # None: the setting of the same name, in capitals.
    send_completion: bool | None = None
    send_message_immediately: bool | None = None
    log_received_message: bool | None = None
    log_sent_message: bool | None = None
    log_ignored_actions: Iterable[str] | None = None
    send_authentication_message: bool | None = None
    allowed_origins: Sequence[str] | None = None
    token_transports: Sequence[str] | None = None
    refuse_before_accept: bool | None = None

    # Limits, which have no value on this class: unset means the setting of the same name in
    # capitals, and None means no limit. engine/limits.py says what happens at each.
    max_message_size: int | None
    max_json_depth: int | None
    max_invalid_messages: int | None
    message_rate: float | None
    message_burst: int
    max_connections_per_user: int | None
    max_connections_per_address: int | None
    max_groups: int | None
    inbox_frames: int | None
    inbox_bytes: int | None
    inbox_events: int | None
    outbox_frames: int | None
    outbox_bytes: int | None
    slow_client_policy: SlowClientPolicy
    handler_timeout: float | None
    disconnect_grace: float
    idle_timeout: float | None
    heartbeat_interval: float | None
    authentication_timeout: float
    recheck_interval: float | None
    concurrent_messages: int = 1
    """Messages of one connection that are handled at the same time. With more than 1 they overtake
    each other, and what one handler puts into a context variable is not there for the next."""

    # Before authentication these are None.
    user: Any
    """The user, or Django's AnonymousUser."""
    obj: ModelT
    """The object that the URL names, when there is a ``queryset``."""
    groups: list[str]
    """The groups that this connection joined when it was set up; its own list."""
    scope: Any
    channel_layer: Any
    """The channel layer, or None when none is configured."""

    # --- life -----------------------------------------------------------------------------------

    @classmethod
    def as_asgi(cls, **initkwargs: Any) -> Any:
        """Return the ASGI application of this consumer.

        Raises ValueError when there is no INCOMING_MESSAGE_SCHEMA, and TypeError when a schema is
        no container or ``receive_message`` is missing; ImproperlyConfigured for a limit in CHANX
        that makes no sense. Warns (RuntimeWarning) as the authenticator's
        ``validate_configuration`` does, and when "chanx" is not in INSTALLED_APPS.
        """
        check_consumer(cls)
        check_settings_of_sockets()
        warn_without_app()
        _make_authenticator(cls).validate_configuration()
        return super().as_asgi(**initkwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_consumer(type(self))
        super().__init__(*args, **kwargs)
        # A list of its own: the one on the class belongs to all connections.
        self.groups = list(self.groups)
        self.user = None
        self.obj = cast("ModelT", None)
        self.authenticator = _make_authenticator(self)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        self.scope = scope
        plan = get_plan(type(self), AsyncJsonWebsocketConsumer)
        # First: the driver copies the context, in which the lane stands, for what it starts.
        seat = lanes.take_seat(scope)
        try:
            self._driver = Driver(self, plan, scope, receive, send)
            self.channel_layer = self._driver.channel_layer
            self.base_send: Any = self._driver.send_event
            await self._driver.run()
        finally:
            if seat:
                lanes.leave(seat)

    @property
    def channel_name(self) -> str:  # type: ignore[override]  # an attribute in Channels, set for all
        """The layer's name of this connection. The first use makes it, and starts receiving."""
        if self._driver.own_channel is None:
            raise NoChannelLayer(
                f"{type(self).__name__} uses channel_name, but CHANNEL_LAYERS has no "
                f"{self.channel_layer_alias!r}: configure one in Django's settings"
            )
        return self._driver.own_channel.name

    @property
    def request(self) -> "Request":
        """The DRF request of the handshake, or of the newest token that the client has sent.

        None before authentication.
        """
        return cast("Request", self.authenticator.request)

    @request.setter
    def request(self, request: "Request") -> None:
        self.authenticator.request = request

    async def dispatch(self, message: Any) -> None:
        """Call the handler for an event, without Channels' trip to a thread for each."""
        name = get_handler_name(message)
        handler = getattr(self, name, None) if is_handler_name(name) else None
        if handler is None:
            raise ValueError(f"No handler for message type {message['type']}")
        await handler(message)

    async def websocket_connect(self, message: Any) -> None:
        """Accept, authenticate, join the groups, tell the client, and start handling messages.

        With ``refuse_before_accept`` authenticate, and then accept. Where a client may send its
        token in a message, and has sent none with the handshake, this ends before it is
        authenticated; what is left is done when that message comes.
        """
        driver = self._driver
        if await refuse_early(driver, self.scope):
            return
        # What comes from groups before the authentication message waits, and comes after it.
        driver.connection.hold_deliveries()
        handshake = Handshake(self, driver)
        authenticates_first = driver.options.refuses_before_accept
        if authenticates_first and not await handshake.authenticate():
            return
        await self._perform_connect()
        if not driver.is_open:
            return
        if authenticates_first or await handshake.authenticate():
            await handshake.finish()

    async def websocket_disconnect(self, message: Any) -> None:
        """Leave the groups and call ``disconnect``. Raises StopConsumer, as in Channels."""
        await self._driver.leave_groups()
        # An event of the layer may have this type as well; disconnect() is called once.
        if not self._driver.is_disconnected:
            self._driver.is_disconnected = True
            if not self._driver.is_refused:
                self._driver.log.info("Disconnecting websocket", code=message["code"])
            await self.disconnect(message["code"])
        raise StopConsumer

    async def post_authentication(self) -> None:
        """Override to act after a successful authentication, before any message is handled.

        An exception is logged and closes the connection with 4500.
        """

    def get_queryset(self, request: "Request") -> Any:
        """Override to choose where ``obj`` is looked up by who asks.

        Called during authentication in a thread, so it may query, and must not be async.
        ``request.user`` is there; ``self.user`` is not yet.
        """
        queryset: Any = self.queryset
        return queryset.all() if is_queryset(queryset) else queryset

    async def build_groups(self) -> Iterable[str]:
        """Override to return the names of the groups to join, beside those in ``groups``."""
        return []

    async def handle_lost_events(self, group: str, count: int) -> None:
        """Override to act when events of a group were lost on the way to this process.

        Not those that the client was too slow for, and not those whose publishing raised. Called
        in the connection's turn, some seconds after the loss; all members of the group here are
        told. The client can be told to fetch what it has missed.
        """

    # --- in -------------------------------------------------------------------------------------

    @abstractmethod
    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Handle a message of INCOMING_MESSAGE_SCHEMA; ``kwargs`` are those of ``receive_json``.

        An exception is logged, the client gets a processing error, and the connection lives on.
        """

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        """Read the JSON of a frame. Override to handle binary frames, which are errors here."""
        text = check_text(text_data)
        try:
            content = await self.decode_json(text)
        except MessageInvalid:
            raise
        except ValueError:  # of a decode_json() of the subclass's
            raise invalid("json_invalid", "Invalid JSON") from None
        await self.receive_json(content, **kwargs)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Validate parsed JSON and call ``receive_message``."""
        message = self._driver.options.decoder.decode_content(content)
        bind_contextvars(received_action=message.action)
        self._driver.log_received(message.action)
        await self.receive_message(message, **kwargs)

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        """Return the parsed text. Raises MessageInvalid, a ValueError, for what is no strict JSON.

        Any ValueError of an override tells the client of invalid JSON.
        """
        max_depth = getattr(cls, "max_json_depth", chanx_settings.MAX_JSON_DEPTH)
        return parse_json(text_data, max_depth)

    # --- out ------------------------------------------------------------------------------------

    async def send_message(self, message: BaseMessage) -> None:
        """Send a message to the client, after all that was sent to it before.

        Returns when the server has taken it, or at once if ``send_message_immediately`` is off.
        Nothing happens when the client is gone.

        Raises MessageNotInSchema for a message that OUTGOING_MESSAGE_SCHEMA does not hold.
        """
        driver = self._driver
        known = driver.plan.direct_classes
        if known is not None and not isinstance(message, known):
            raise MessageNotInSchema(
                f"{type(message).__name__} is not in "
                f"{type(self).__name__}.OUTGOING_MESSAGE_SCHEMA: add it to "
                f"{self.OUTGOING_MESSAGE_SCHEMA.__name__}.message"
            )
        encoder = driver.options.encoder
        if driver.plan.sends_directly:
            await driver.send_text(encoder.encode(message), message.action)
        else:
            await self.send_json(encoder.to_content(message))

    async def send_json(self, content: Any, close: bool | int = False) -> None:
        """Send a dict, or what else JSON can hold, and close afterwards if asked to."""
        if self._driver.plan.sends_directly:
            text = self._driver.options.encoder.encode_content(content)
        else:
            text = await self.encode_json(content)
        connection = self._driver.connection
        dropped = connection.dropped
        await self.send(text_data=text)
        if connection.dropped == dropped:
            self._driver.log_sent(_get_action(content))
        if close:
            await self.close(None if close is True else close)

    @classmethod
    async def encode_json(cls, content: Any) -> str:
        """Return the JSON text of a value; dates, UUIDs and models work."""
        return get_encoder("action", camelize=False).encode_content(content)

    async def send_group_message(
        self,
        message: BaseMessage,
        groups: Iterable[str] | None = None,
        *,
        exclude_current: bool = True,
        kind: Kind = "message",
    ) -> None:
        """Send a message to all members of the groups, once per group that they are in.

        ``groups``: None for this connection's groups. ``exclude_current``: not to this connection;
        others of the same user get it. ``kind``: "message" tells each receiver ``is_mine`` and
        ``is_current``, "json" sends the message as it is.

        Raises MessageNotInSchema for a message that OUTGOING_GROUP_MESSAGE_SCHEMA does not hold,
        NoChannelLayer without a layer, and BrokerError when the layer fails.
        """
        known = self._driver.plan.group_classes
        if known is not None and not isinstance(message, known):
            raise MessageNotInSchema(
                f"{type(message).__name__} is not in "
                f"{type(self).__name__}.OUTGOING_GROUP_MESSAGE_SCHEMA: add it to "
                f"{self.OUTGOING_GROUP_MESSAGE_SCHEMA.__name__}.group_message"
            )
        text = self._driver.options.encoder.encode(message, without_flags=kind == "message")
        key = self._get_coalesce_key(message)
        await self._publish(
            text, message.action, groups, kind, exclude_current=exclude_current, key=key
        )

    async def send_to_groups(
        self,
        content: Any,
        groups: Iterable[str] | None = None,
        *,
        exclude_current: bool = True,
        kind: Kind = "json",
    ) -> None:
        """Send a dict to all members of the groups; the arguments are as with group messages.

        Raises TypeError for ``kind="message"`` and something that is no dict.
        """
        encoder = self._driver.options.encoder
        action = _get_action(content)
        if kind == "message":
            if not isinstance(content, dict):
                raise TypeError(f"kind='message' adds keys and needs a dict, not {type(content)}")
            flags = {*FLAGS, *encoder.flag_names}
            content = {key: value for key, value in content.items() if key not in flags}
        text = encoder.encode_content(content)
        key = self._get_coalesce_key(content)
        await self._publish(text, action, groups, kind, exclude_current=exclude_current, key=key)

    def coalesce_key(self, message: Any) -> str | None:
        """Override to name what a group message is the newest state of, or None.

        Called once, where the message is sent; ``message`` is what was given to
        ``send_group_message`` or ``send_to_groups``. Receivers with ``slow_client_policy =
        "coalesce"`` that read too slowly get, of messages with the same key, only the newest, in
        the place of the first that waits.
        """
        return None

    async def send_group_member(self, event: Any) -> None:
        """Send a group message to this client: the handler of the event that carries it.

        It runs for consumers that override a step of sending, and for events that reach the
        connection through its own channel name; all others get the text from the hub.
        """
        group_event = GroupEvent.from_dict(event)
        is_current = group_event.is_from(self._driver.id)
        if is_current and group_event.exclude_current:
            return
        is_mine = group_event.is_owned_by(self._driver.user)
        delivery = group_event.render(is_mine=is_mine, is_current=is_current)
        if self._driver.plan.sends_directly:
            await self._driver.send_text(delivery.text, delivery.action)
        else:
            await self.send_json(from_json(delivery.text))
        if self._driver.options.send_completion:
            await self.send_message(GroupCompleteMessage())

    # --- steps ----------------------------------------------------------------------------------

    async def _perform_connect(self) -> None:
        try:
            await self.connect()
        except AcceptConnection:
            await self.accept()
        except DenyConnection:
            await self.close()
            return
        if self._driver.is_connecting:
            # connect() was overridden and neither accepted nor refused.
            await self.accept()

    def _get_coalesce_key(self, message: Any) -> str | None:
        if not self._driver.plan.has_coalesce_key:
            return None
        key: Any = self.coalesce_key(message)
        if key is None or isinstance(key, str):
            return key
        if inspect.iscoroutine(key):
            key.close()
        raise TypeError(
            f"{type(self).__name__}.coalesce_key() returned {key!r:.100}; return a string or None, "
            "and do not make it async"
        )

    async def _publish(
        self,
        text: str,
        action: Any,
        groups: Iterable[str] | None,
        kind: Kind,
        *,
        exclude_current: bool,
        key: str | None,
    ) -> None:
        if isinstance(groups, str):
            raise TypeError(f"groups must be a list of names, not the string {groups!r}")
        names = list(dict.fromkeys(self.groups if groups is None else groups))
        await self._driver.publish(
            names, text, action, kind, exclude_current=exclude_current, key=key
        )


def _get_action(content: Any) -> str | int | None:
    """Return the action of a message for the log, if it has one that names it."""
    action = content.get(chanx_settings.MESSAGE_ACTION_KEY) if isinstance(content, dict) else None
    return action if isinstance(action, str | int) else None


def _make_authenticator(
    consumer: "AsyncJsonWebsocketConsumer[Any] | type[AsyncJsonWebsocketConsumer[Any]]",
) -> ChanxWebsocketAuthenticator:
    authenticator = consumer.authenticator_class()
    for name in _AUTHENTICATOR_ATTRIBUTES:
        value = getattr(consumer, name)
        # An authenticator class may bring throttles of its own.
        if name != "throttle_classes" or value is not None:
            setattr(authenticator, name, value)
    # The consumer's own comes before that of an authenticator class.
    method = consumer.get_queryset
    if getattr(method, "__func__", method) is not AsyncJsonWebsocketConsumer.get_queryset:
        vars(authenticator)["get_queryset"] = method
    return authenticator
