"""What can be wrong with a consumer class, found before the first client comes."""

import difflib
import functools
import inspect
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from channels.layers import channel_layers
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from rest_framework.settings import api_settings

from chanx.engine.limits import CLASS_LIMITS, find_bad_limits
from chanx.engine.unions import find_recursive_unions
from chanx.generic.handshake_view import (
    AUTH_METHODS,
    find_async_permissions,
    get_permissions_with_object_check,
    has_queryset,
    is_queryset,
)
from chanx.generic.setting_problems import DOCUMENTATION, find_bad_names, find_bad_settings
from chanx.integrations.credentials import TOKEN_TRANSPORTS
from chanx.integrations.origin import ANY_ORIGIN, find_bad_origins
from chanx.messages.base import (
    BaseIncomingMessage,
    BaseOutgoingGroupMessage,
    BaseOutgoingMessage,
    get_actions,
)
from chanx.messages.incoming import AuthenticateMessage
from chanx.settings import chanx_settings

__all__ = [
    "ConsumerProblem",
    "check_consumer",
    "check_settings_of_sockets",
    "find_deployment_problems",
    "find_problems",
    "warn_without_app",
]

_CLASS_LISTS: Final = ("authentication_classes", "permission_classes", "throttle_classes")
_MIN_NAME: Final = 8
_ALIKE: Final = 0.9
"""Names of so many characters that are so much alike (difflib) are taken for a slip."""


@dataclass(frozen=True, slots=True)
class ConsumerProblem:
    """A mistake in a consumer class: which attribute, what is wrong, what to do.

    ``exception``: the class cannot work at all, and ``as_asgi()`` raises this.
    ``is_error``: False for what may be meant.
    """

    id: str
    attribute: str
    text: str
    fix: str
    exception: type[Exception] | None = None
    is_error: bool = True

    def describe(self, consumer: type[Any]) -> str:
        """Return one sentence that names the class, the attribute and the fix."""
        return f"{consumer.__name__}.{self.attribute} {self.text}: {self.fix}"


@functools.cache
def check_consumer(consumer: type[Any]) -> None:
    """Raise what makes the class unusable. Costs something for the first call per class only."""
    for problem in find_problems(consumer):
        if problem.exception:
            raise problem.exception(problem.describe(consumer))


@functools.cache
def warn_without_app() -> None:
    """Warn, once, when the app is missing without which nobody hears of Django's signals."""
    if apps.ready and not apps.is_installed("chanx"):
        warnings.warn(
            "'chanx' is not in INSTALLED_APPS, so who logs out or is deactivated keeps its "
            "WebSockets until the next re-check, and manage.py check does not look at consumers: "
            "add it",
            RuntimeWarning,
            stacklevel=3,
        )


def check_settings_of_sockets() -> None:
    """Raise ImproperlyConfigured for a setting that would fail every handshake."""
    for name, problem in find_bad_settings(chanx_settings.user_settings):
        if name not in DOCUMENTATION:
            raise ImproperlyConfigured(f"CHANX[{name!r}] {problem}")


def find_problems(consumer: Any) -> Iterator[ConsumerProblem]:
    """Yield the problems of a consumer class, those that make it unusable first."""
    yield from _check_schemas(consumer)
    yield from _check_authentication(consumer)
    yield from _check_queryset(consumer)
    yield from _check_groups(consumer)
    yield from _check_limits(consumer)
    yield from _check_access(consumer)
    yield from _check_unions(consumer)
    yield from _check_names(consumer)


def find_deployment_problems(consumer: Any) -> Iterator[ConsumerProblem]:
    """Yield what a consumer class has that is fit for development only."""
    if ANY_ORIGIN in (consumer.allowed_origins or ()):
        yield ConsumerProblem(
            "W003",
            "allowed_origins",
            "lets the pages of any site open sockets with the cookies of their visitors",
            "name the origins, or leave it None where the site's own are enough",
            is_error=False,
        )
    if "query" in (consumer.token_transports or ()):
        yield ConsumerProblem(
            "W004",
            "token_transports",
            "takes tokens from the query string, which servers and proxies log",
            'use "subprotocol" or "message", or tokens that can be used once',
            is_error=False,
        )


def _check_schemas(consumer: Any) -> Iterator[ConsumerProblem]:
    incoming = getattr(consumer, "INCOMING_MESSAGE_SCHEMA", None)
    if incoming is None:
        yield ConsumerProblem(
            "E001",
            "INCOMING_MESSAGE_SCHEMA",
            "is required but not set",
            "set it to a subclass of chanx.messages.base.BaseIncomingMessage",
            ValueError,
        )
    else:
        yield from _check_container(
            "E002", "INCOMING_MESSAGE_SCHEMA", incoming, BaseIncomingMessage
        )
    direct = getattr(consumer, "OUTGOING_MESSAGE_SCHEMA", None)
    if direct is not None:
        yield from _check_container("E020", "OUTGOING_MESSAGE_SCHEMA", direct, BaseOutgoingMessage)
    outgoing = getattr(consumer, "OUTGOING_GROUP_MESSAGE_SCHEMA", None)
    if outgoing is not None:
        yield from _check_container(
            "E003", "OUTGOING_GROUP_MESSAGE_SCHEMA", outgoing, BaseOutgoingGroupMessage
        )
    if inspect.isabstract(consumer):
        names = ", ".join(sorted(consumer.__abstractmethods__))
        yield ConsumerProblem(
            "E004", names, "is not implemented", f"define async def {names}", TypeError
        )


def _check_container(
    id_: str,
    attribute: str,
    schema: Any,
    base: type[BaseIncomingMessage | BaseOutgoingMessage | BaseOutgoingGroupMessage],
) -> Iterator[ConsumerProblem]:
    if not (isinstance(schema, type) and issubclass(schema, base) and schema is not base):
        yield ConsumerProblem(
            id_,
            attribute,
            f"is {schema!r}, which is no container of messages",
            f"define a class that extends {base.__name__} and has "
            f"'{base.message_field}: YourMessage'",
            TypeError,
        )
        return
    try:
        get_actions(schema)
    except (TypeError, NameError, AttributeError) as error:
        yield ConsumerProblem(
            id_, attribute, f"cannot be read ({error})", "correct the container", TypeError
        )


def _check_authentication(consumer: Any) -> Iterator[ConsumerProblem]:
    for name in _CLASS_LISTS:
        classes = getattr(consumer, name)
        if classes is not None and not isinstance(classes, list | tuple):
            yield ConsumerProblem(
                "E005", name, f"is {classes!r}, not a list", f"write {name} = [...]"
            )
        for item in classes if isinstance(classes, list | tuple) else ():
            if not callable(item):
                yield ConsumerProblem(
                    "E005",
                    name,
                    f"holds {item!r:.100}, which is no class",
                    "write the class itself: not its name in quotes, and no brackets behind it",
                )
    for permission in find_async_permissions(_get_permissions(consumer)):
        yield ConsumerProblem(
            "E015",
            "permission_classes",
            f"has {permission.__name__}, an async permission, whose coroutine would pass for a yes",
            "make its has_permission() and has_object_permission() synchronous; they run in a "
            "thread and may query",
            TypeError,
        )
    if consumer.auth_method not in AUTH_METHODS:
        yield ConsumerProblem(
            "E006",
            "auth_method",
            f"is {consumer.auth_method!r}, which does not exist",
            f"use one of {', '.join(AUTH_METHODS)}",
        )


def _check_queryset(consumer: Any) -> Iterator[ConsumerProblem]:
    queryset, method = consumer.queryset, consumer.get_queryset
    if inspect.iscoroutinefunction(method):
        yield ConsumerProblem(
            "E007",
            "get_queryset",
            "is async, so nobody gets in",
            "write def get_queryset(self, request); it runs in a thread and may query",
        )
    elif has_queryset(queryset) and not is_queryset(queryset) and not _is_own(method):
        yield ConsumerProblem(
            "E007",
            "queryset",
            f"is {queryset!r}, so nobody gets in",
            "use a QuerySet, a Manager, or None for no object",
        )
    if has_queryset(queryset) or _is_own(method) or _is_own(consumer.authenticator_class):
        return
    for permission in get_permissions_with_object_check(_get_permissions(consumer)):
        yield ConsumerProblem(
            "W001",
            "queryset",
            f"is not set, but {permission.__name__} has an object check that is never called",
            "set queryset, define get_queryset(), or use a permission class without "
            "has_object_permission()",
            is_error=False,
        )


def _get_permissions(consumer: Any) -> list[Any] | tuple[Any, ...]:
    """Return the permission classes in use; what is no list has been reported."""
    classes = consumer.permission_classes
    if classes is None:
        classes = api_settings.DEFAULT_PERMISSION_CLASSES
    return classes if isinstance(classes, list | tuple) else ()


def _is_own(target: Any) -> bool:
    """Tell whether ``get_queryset``, or the class that has it, is of the user's making."""
    method = getattr(target, "get_queryset", target)
    return not str(method.__module__).startswith("chanx.generic")


def _check_groups(consumer: Any) -> Iterator[ConsumerProblem]:
    if isinstance(consumer.groups, str):
        yield ConsumerProblem(
            "E014",
            "groups",
            f"is the string {consumer.groups!r}, so each letter would be a group",
            f"write groups = [{consumer.groups!r}]",
            TypeError,
        )
    alias = consumer.channel_layer_alias
    if alias in channel_layers:
        return
    used = "groups" if consumer.groups else None
    if "build_groups" in {name for cls in consumer.__mro__[:-1] for name in _get_own(cls)}:
        used = "build_groups"
    if used:
        yield ConsumerProblem(
            "E008",
            used,
            f"is used, but CHANNEL_LAYERS has no {alias!r}",
            "configure a channel layer in the settings, for a start "
            '{"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}',
        )


def _check_limits(consumer: Any) -> Iterator[ConsumerProblem]:
    values = {name: getattr(consumer, name) for name in CLASS_LIMITS if hasattr(consumer, name)}
    for name, problem in find_bad_limits(values):
        yield ConsumerProblem("E009", name, problem, "correct it, or remove it", ValueError)


def _check_access(consumer: Any) -> Iterator[ConsumerProblem]:
    origins, transports = consumer.allowed_origins, consumer.token_transports
    if origins is not None:
        for problem in find_bad_origins(origins):
            yield ConsumerProblem("E019", "allowed_origins", problem, "correct it", ValueError)
    if transports is not None:
        bad = list(find_bad_names(transports, TOKEN_TRANSPORTS))
        for problem in bad:
            yield ConsumerProblem("E018", "token_transports", problem, "correct it", ValueError)
        if bad:
            return
    effective = chanx_settings.TOKEN_TRANSPORTS if transports is None else transports
    if "message" not in effective:
        return
    if action := _find_own_authenticate(consumer):
        yield ConsumerProblem(
            "E016",
            "INCOMING_MESSAGE_SCHEMA",
            f'has a message with the action {action!r}, with which "message" in token_transports '
            "lets a client send its token",
            'give it another action, or take "message" out of token_transports',
            ValueError,
        )
    early = consumer.refuse_before_accept
    if chanx_settings.REFUSE_BEFORE_ACCEPT if early is None else early:
        yield ConsumerProblem(
            "E017",
            "refuse_before_accept",
            'is on, so no client could send the token for which "message" in token_transports '
            "waits after accepting",
            "use one of the two",
            ValueError,
        )


def _find_own_authenticate(consumer: Any) -> str | None:
    action: str = AuthenticateMessage.model_fields["action"].default
    try:
        return action if action in get_actions(consumer.INCOMING_MESSAGE_SCHEMA) else None
    except Exception:  # no container, which has been reported
        return None


def _check_unions(consumer: Any) -> Iterator[ConsumerProblem]:
    # Only what comes in is validated against a union that a stranger fills.
    schema: Any = getattr(consumer, "INCOMING_MESSAGE_SCHEMA", None)
    try:
        messages = dict.fromkeys(get_actions(schema).values())
    except Exception:  # no container, which has been reported
        return
    for message in messages:
        for owner, field in find_recursive_unions(message):
            yield ConsumerProblem(
                "W002",
                "INCOMING_MESSAGE_SCHEMA",
                f"is {schema.__name__}, whose message {message.__name__} has a field {field!r} "
                f"(of {owner}) whose union of models holds itself without a discriminator, so a "
                f"small message can take seconds to refuse",
                "add Field(discriminator=...)",
                is_error=False,
            )


def _check_names(consumer: Any) -> Iterator[ConsumerProblem]:
    """Find attributes that nobody reads because a letter is wrong: of permissions above all."""
    base = next(cls for cls in consumer.__mro__ if cls.__module__.startswith("chanx.generic"))
    known = [
        name
        for name in {*vars(base), *base.__annotations__}
        if len(name) >= _MIN_NAME and name[0] != "_" and not callable(vars(base).get(name))
    ]
    for cls in consumer.__mro__:
        for name in sorted(_get_own(cls)):
            if name.startswith("_") or hasattr(base, name) or name in base.__annotations__:
                continue
            if found := difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE):
                yield ConsumerProblem(
                    "W005",
                    name,
                    f"means nothing to chanx, and is nearly {found[0]}",
                    f"call it {found[0]}, or something else",
                    is_error=False,
                )


def _get_own(cls: type[Any]) -> set[str]:
    """Return the names a class of the user's defines; those of chanx and its bases do not count."""
    return set() if cls.__module__.startswith(("chanx.generic", "channels.")) else set(vars(cls))
