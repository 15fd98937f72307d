"""What is computed once per consumer class, and once per connection, and never per message."""

import functools
import inspect
from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Final

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.core.exceptions import ImproperlyConfigured

from chanx.engine.codec import Decoder, Encoder, get_decoder, get_encoder
from chanx.engine.limits import CLASS_LIMITS, Limits, find_bad_limits
from chanx.messages.base import BaseIncomingMessage, BaseMessage, get_actions
from chanx.messages.outgoing import (
    AuthenticationMessage,
    CompleteMessage,
    ErrorMessage,
    GroupCompleteMessage,
)
from chanx.settings import DEFAULTS, chanx_settings

__all__ = ["ClassPlan", "Options", "get_plan", "get_quiet", "is_handler_name"]

_RECEIVING: Final = ("dispatch", "websocket_receive", "receive", "receive_json", "decode_json")
_SENDING: Final = ("send_json", "encode_json", "send")
_DELIVERING: Final = (*_SENDING, "dispatch", "send_group_member")
# Of chanx's consumer; those of Channels' are known by their class.
_OWN_METHODS: Final = (
    "build_groups",
    "coalesce_key",
    "get_queryset",
    "handle_lost_events",
    "post_authentication",
    "receive_message",
    "send_group_message",
    "send_message",
    "send_to_groups",
)

# What chanx sends of itself, whatever a schema says.
_OWN_MESSAGES: Final = (
    AuthenticationMessage,
    CompleteMessage,
    ErrorMessage,
    GroupCompleteMessage,
)


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """Which of the steps that Channels lets a subclass override it does not override.

    Where it overrides none, the steps between the first and the last are skipped, with the same
    result.
    """

    receives_directly: bool
    """From the frame to ``receive_message``."""
    sends_directly: bool
    """From ``send_message`` to the frame."""
    delivers_directly: bool
    """From the hub to the frame."""
    overrides_dispatch: bool
    has_coalesce_key: bool
    """``coalesce_key`` is overridden."""
    handles_lost_events: bool
    own_limits: tuple[tuple[int, str], ...]
    """The limits that the class sets: their places in ``CLASS_LIMITS``, and their names."""
    group_classes: tuple[type[BaseMessage], ...] | None
    """The classes of OUTGOING_GROUP_MESSAGE_SCHEMA; None: any message."""
    direct_classes: tuple[type[BaseMessage], ...] | None
    """Those of OUTGOING_MESSAGE_SCHEMA, and our own; None: any message."""


def is_handler_name(name: str) -> bool:
    """Tell whether a layer event may call the method of this name.

    Channels calls whatever a consumer has, so an event of type "close" closes it, and one of type
    "dispatch" never ends.
    """
    return not name.startswith("_") and name not in _NOT_FOR_EVENTS


_NOT_FOR_EVENTS: Final = frozenset(
    name
    for name in (*dir(AsyncJsonWebsocketConsumer), *_OWN_METHODS)
    if not name.startswith("websocket_")
)


@functools.cache
def get_plan(consumer: type[Any], base: type[Any]) -> ClassPlan:
    """Return the plan of a class. Methods replaced on the class later do not count."""

    def inherits(names: Iterable[str]) -> bool:
        return all(
            inspect.getattr_static(consumer, name) is inspect.getattr_static(base, name)
            for name in names
        )

    schema = getattr(consumer, "OUTGOING_GROUP_MESSAGE_SCHEMA", None)
    direct = getattr(consumer, "OUTGOING_MESSAGE_SCHEMA", None)
    return ClassPlan(
        receives_directly=inherits(_RECEIVING),
        sends_directly=inherits(_SENDING),
        delivers_directly=inherits(_DELIVERING),
        overrides_dispatch=not inherits(["dispatch"]),
        has_coalesce_key=not inherits(["coalesce_key"]),
        handles_lost_events=not inherits(["handle_lost_events"]),
        own_limits=tuple(
            (place, name)
            for place, name in enumerate(CLASS_LIMITS)
            if hasattr(consumer, name) and not hasattr(base, name)
        ),
        group_classes=None if schema is None else tuple(get_actions(schema).values()),
        direct_classes=None
        if direct is None
        else (*dict.fromkeys(get_actions(direct).values()), *_OWN_MESSAGES),
    )


@dataclass(frozen=True, slots=True)
class Options:
    """The behaviour of a connection: the consumer's attributes, or else the settings."""

    send_completion: bool
    send_immediately: bool
    send_authentication: bool
    log_received: bool
    log_sent: bool
    ignored_actions: frozenset[str]
    encoder: Encoder
    decoder: Decoder
    limits: Limits
    allowed_origins: tuple[str, ...]
    token_transports: tuple[str, ...]
    refuses_before_accept: bool

    @classmethod
    def resolve(cls, consumer: Any, plan: ClassPlan) -> "Options":
        """Read the attributes of a consumer, and the settings where they are None or unset."""
        # Read once and not one by one, which takes half the time, by the profiler.
        settings = {**DEFAULTS, **chanx_settings.user_settings}

        def choose(own: Any, setting: str) -> Any:
            return settings[setting] if own is None else own

        return _make_options(
            consumer.INCOMING_MESSAGE_SCHEMA,
            settings["MESSAGE_ACTION_KEY"],
            settings["CAMELIZE"],
            choose(consumer.send_completion, "SEND_COMPLETION"),
            choose(consumer.send_message_immediately, "SEND_MESSAGE_IMMEDIATELY"),
            choose(consumer.send_authentication_message, "SEND_AUTHENTICATION_MESSAGE"),
            choose(consumer.log_received_message, "LOG_RECEIVED_MESSAGE"),
            choose(consumer.log_sent_message, "LOG_SENT_MESSAGE"),
            frozenset(choose(consumer.log_ignored_actions, "LOG_IGNORED_ACTIONS")),
            _get_limits(consumer, plan, settings),
            tuple(choose(consumer.allowed_origins, "ALLOWED_ORIGINS")),
            tuple(choose(consumer.token_transports, "TOKEN_TRANSPORTS")),
            choose(consumer.refuse_before_accept, "REFUSE_BEFORE_ACCEPT"),
        )


_get_limit_settings: Final = itemgetter(*(name.upper() for name in CLASS_LIMITS))


def _get_limits(consumer: Any, plan: ClassPlan, settings: dict[str, Any]) -> tuple[Any, ...]:
    # The only one that has no setting, and the only one with a default on the class: None means no
    # limit, so it cannot mean unset.
    settings["CONCURRENT_MESSAGES"] = consumer.concurrent_messages
    limits: tuple[Any, ...] = _get_limit_settings(settings)
    if plan.own_limits:
        changed = list(limits)
        for place, name in plan.own_limits:
            changed[place] = getattr(consumer, name)
        limits = tuple(changed)
    return limits


def _make_limits(values: dict[str, Any]) -> Limits:
    for name, problem in find_bad_limits(values):
        # Those of the class were looked at by as_asgi().
        raise ImproperlyConfigured(f"CHANX[{name.upper()!r}] {problem}")
    return Limits(**values)


@functools.lru_cache(maxsize=1024)
def _make_options(
    schema: type[BaseIncomingMessage],
    action_key: str,
    camelize: bool,
    send_completion: bool,
    send_immediately: bool,
    send_authentication: bool,
    log_received: bool,
    log_sent: bool,
    ignored_actions: frozenset[str],
    limits: tuple[Any, ...],
    allowed_origins: tuple[str, ...],
    token_transports: tuple[str, ...],
    refuses_before_accept: bool,
) -> Options:
    """Connections with the same options share one object. Raises ImproperlyConfigured."""
    made = _make_limits(dict(zip(CLASS_LIMITS, limits, strict=True)))
    return Options(
        send_completion=send_completion,
        send_immediately=send_immediately,
        send_authentication=send_authentication,
        log_received=log_received,
        log_sent=log_sent,
        ignored_actions=ignored_actions,
        encoder=get_encoder(action_key, camelize),
        decoder=get_decoder(schema, action_key, camelize, made.max_json_depth),
        limits=made,
        allowed_origins=allowed_origins,
        token_transports=token_transports,
        refuses_before_accept=refuses_before_accept,
    )


@functools.lru_cache(maxsize=1024)
def get_quiet(options: Options) -> Options:
    """Return the same options without the lines that tell of messages sent."""
    return replace(options, log_sent=False)
