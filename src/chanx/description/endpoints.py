"""The description of all endpoints, from which documents and pages are made.

Read from the running application's own routes and classes. It knows no form of any document.
"""

import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rest_framework.settings import api_settings

from chanx.description.hooks import Documentation, get_documentation
from chanx.description.messages import (
    MessageDescription,
    MessageKey,
    Source,
    describe_messages,
    get_message_actions,
    split_text,
)
from chanx.description.names import find_free_name
from chanx.description.patterns import make_text
from chanx.description.plain import clean_text
from chanx.description.schemas import Message, describe_error, make_query_schema
from chanx.description.security import (
    SecurityScheme,
    describe_authenticator,
    describe_security,
    needs_login,
)
from chanx.engine.aliases import KeyNames
from chanx.generic.plan import Options, get_plan
from chanx.generic.subprotocols import HEARTBEAT, PROTOCOL
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.integrations.application import load_application
from chanx.integrations.discovery import PathParameter, Route, get_routes
from chanx.integrations.regex_paths import find_problem
from chanx.messages.base import get_actions
from chanx.messages.incoming import AuthenticateMessage, PingMessage
from chanx.messages.outgoing import (
    AuthenticationMessage,
    CompleteMessage,
    DroppedMessage,
    ErrorMessage,
    GroupCompleteMessage,
    PongMessage,
)
from chanx.settings import chanx_settings

__all__ = [
    "PLACEHOLDER",
    "Description",
    "Endpoint",
    "Parameter",
    "describe",
    "describe_site",
]

PLACEHOLDER: Final = re.compile(r"{([^{}]*)}")
"""A parameter in a path, by its name."""
_UUID: Final = str(uuid.UUID(int=0x5F0C4F8E3D0A4B6E9D550A1B2C3D4E5F))


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of a path that varies. ``schema`` is of its text's value, in JSON Schema."""

    name: str
    pattern: str
    converter: str | None
    schema: Mapping[str, Any]
    description: str
    example: str | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route and the consumer behind it.

    ``consumer``: its class, as a dotted path. ``is_described``: False for consumers that are not of
    chanx, of which nothing is known but where they are. ``outgoing_is_complete``: the consumer says
    what it sends directly, and what to groups if it joins any; otherwise it may send more than is
    listed.
    """

    name: str
    path: str
    consumer: str
    parameters: tuple[Parameter, ...] = ()
    query: Mapping[str, Any] | None = None
    """A schema of type "object" whose properties are the query parameters; None: not known.

    It refers to no definitions. Its names are never changed by CAMELIZE.
    """
    is_described: bool = True
    summary: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    is_deprecated: bool = False
    incoming: tuple[MessageDescription, ...] = ()
    outgoing: tuple[MessageDescription, ...] = ()
    outgoing_is_complete: bool = False
    security: tuple[SecurityScheme, ...] = ()
    """Any one of them is enough."""
    needs_login: bool = False
    """False: anonymous users may get in, or a permission decides of which that is not known."""
    subprotocols: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """All endpoints in the order of the routes, and the definitions that their schemas refer to."""

    endpoints: tuple[Endpoint, ...]
    action_key: str = "action"
    definitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be described, each named with its endpoint and said once."""
        found = (
            f"{endpoint.consumer}: {problem}"
            for endpoint in self.endpoints
            for problem in (
                *endpoint.problems,
                *(
                    problem
                    for message in (*endpoint.incoming, *endpoint.outgoing)
                    for problem in message.problems
                ),
            )
        )
        return tuple(dict.fromkeys(found))


def describe_site() -> Description:
    """Return the description of what ASGI_APPLICATION reaches.

    Raises ImproperlyConfigured, with the cause, when the application cannot be imported.
    """
    return describe(load_application())


def describe(application: Any) -> Description:
    """Return the description of what an ASGI application reaches.

    What cannot be described is named in ``problems`` and does not raise.
    """
    action_key = chanx_settings.MESSAGE_ACTION_KEY
    key_names = KeyNames(action_key, camelize=chanx_settings.CAMELIZE)
    found = [(route, get_documentation(route.consumer)) for route in get_routes(application)]
    routes = [(route, texts) for route, texts in found if not texts.is_hidden]
    drafts = [_Draft(route, texts) for route, texts in routes]
    keys = [key for draft in drafts for key, _ in draft.messages]
    definitions, messages = describe_messages(keys, key_names)
    names = _make_names([route for route, _ in routes])
    return Description(
        endpoints=tuple(
            draft.finish(name, messages) for draft, name in zip(drafts, names, strict=True)
        ),
        action_key=action_key,
        definitions=definitions,
    )


class _Draft:
    """An endpoint of which the messages are known, but not yet described."""

    def __init__(self, route: Route, texts: Documentation) -> None:
        consumer = route.consumer
        self.messages: list[tuple[MessageKey, Source]] = []
        path, parameters = _describe_path(route)
        summary, description = split_text(_get_docstring(consumer))
        self._endpoint = Endpoint(
            name="",
            path=path,
            consumer=f"{consumer.__module__}.{consumer.__qualname__}",
            parameters=parameters,
            is_described=isinstance(consumer, type)
            and issubclass(consumer, AsyncJsonWebsocketConsumer),
            summary=summary if texts.summary is None else clean_text(texts.summary),
            description=(
                description if texts.description is None else clean_text(texts.description)
            ),
            tags=tuple(map(clean_text, texts.tags)),
            is_deprecated=texts.is_deprecated,
        )
        self._read_query(texts)
        for regex in route.regexes:
            if problem := find_problem(regex, make_text):
                self._add_problem(f"re_path({regex!r}): {problem}")
        if route.is_class:
            self._add_problem(
                "the route leads to the class itself, so that nobody can connect: write "
                f"{consumer.__name__}.as_asgi() in it"
            )
        if self._endpoint.is_described:
            try:
                self._read(consumer)
            except Exception as error:  # the class is the user's, and may not be one that works
                self._add_problem(
                    f"cannot be read ({describe_error(error)}); manage.py check says more"
                )

    def finish(self, name: str, messages: Mapping[MessageKey, MessageDescription]) -> Endpoint:
        """Return the endpoint."""
        described = [replace(messages[key], source=source) for key, source in self.messages]
        return replace(
            self._endpoint,
            name=name,
            incoming=tuple(each for each in described if each.direction == "in"),
            outgoing=tuple(each for each in described if each.direction == "out"),
        )

    def _add_problem(self, problem: str) -> None:
        self._endpoint = replace(self._endpoint, problems=(*self._endpoint.problems, problem))

    def _read_query(self, texts: Documentation) -> None:
        if texts.query is None:
            return
        try:
            self._endpoint = replace(self._endpoint, query=make_query_schema(texts.query))
        except Exception as error:  # of the user's own hooks
            self._add_problem(
                f"its query {texts.query.__name__} has no JSON Schema "
                f"({describe_error(error)}): correct the model given to documented(query=...)"
            )

    def _read(self, consumer: Any) -> None:
        options = Options.resolve(consumer, get_plan(consumer, AsyncJsonWebsocketConsumer))
        own, asks_classes = describe_authenticator(consumer.authenticator_class)
        security: tuple[SecurityScheme, ...] = (own,) if own else ()
        refuses_anonymous = False
        if asks_classes:
            security += describe_security(
                _choose(consumer.authentication_classes, "DEFAULT_AUTHENTICATION_CLASSES"),
                _get_transports(options),
            )
            refuses_anonymous = needs_login(
                _choose(consumer.permission_classes, "DEFAULT_PERMISSION_CLASSES"),
                consumer.auth_method,
            )
        has_heartbeat = options.limits.heartbeat_interval is not None
        self._endpoint = replace(
            self._endpoint,
            security=security,
            needs_login=refuses_anonymous,
            subprotocols=(PROTOCOL, HEARTBEAT) if has_heartbeat else (PROTOCOL,),
            outgoing_is_complete=_says_all(consumer),
        )
        # Without transports no token is taken, and "message" is there for nothing else.
        takes_tokens = bool(options.token_transports) and (
            "message" in _get_transports(options)
            or any(scheme.kind == "token" for scheme in security)
        )
        self.messages = list(_list_messages(consumer, options, takes_tokens=takes_tokens))


def _says_all(consumer: Any) -> bool:
    """Tell whether a consumer lists all that it sends: to its client, and to groups it joins."""
    base = AsyncJsonWebsocketConsumer
    if getattr(consumer, "OUTGOING_MESSAGE_SCHEMA", None) is None:
        return False
    joins_groups = (
        getattr(consumer, "groups", None) or consumer.build_groups is not base.build_groups
    )
    return not joins_groups or getattr(consumer, "OUTGOING_GROUP_MESSAGE_SCHEMA", None) is not None


def _get_transports(options: Options) -> tuple[str, ...]:
    """Return where a token may stand; nobody sends a message before a refusal."""
    if options.refuses_before_accept:
        return tuple(each for each in options.token_transports if each != "message")
    return options.token_transports


def _list_messages(
    consumer: Any, options: Options, *, takes_tokens: bool
) -> Iterator[tuple[MessageKey, Source]]:
    """Yield the messages of an endpoint, each once for each direction: the consumer's own first."""
    incoming = dict.fromkeys(get_actions(consumer.INCOMING_MESSAGE_SCHEMA).values())
    for model in incoming:
        yield (model, "in"), "consumer"
    own: dict[Any, Source] = {}
    for attribute, source in (
        ("OUTGOING_MESSAGE_SCHEMA", "consumer"),
        ("OUTGOING_GROUP_MESSAGE_SCHEMA", "group"),
    ):
        schema = getattr(consumer, attribute, None)
        for model in get_actions(schema).values() if schema else ():
            own.setdefault(model, source)  # type: ignore[arg-type]  # a tuple of plain strings
    for model, source in own.items():
        yield (model, "out"), source
    actions = {action for model in incoming for action in get_message_actions(model)}
    has_heartbeat = options.limits.heartbeat_interval is not None
    if takes_tokens and "authenticate" not in actions:
        yield (AuthenticateMessage, "in"), "chanx"
    if has_heartbeat and "pong" not in actions:
        yield (PongMessage, "in"), "chanx"
    standard: dict[Message, bool] = {
        AuthenticationMessage: options.send_authentication,
        ErrorMessage: True,
        CompleteMessage: options.send_completion,
        GroupCompleteMessage: options.send_completion,
        DroppedMessage: options.limits.slow_client_policy != "close",
        PingMessage: has_heartbeat,
    }
    for model, is_sent in standard.items():
        if is_sent and model not in own:
            yield (model, "out"), "chanx"


def _choose(own: Sequence[Any] | None, setting: str) -> Sequence[Any]:
    found: Sequence[Any] = getattr(api_settings, setting) if own is None else own
    return found


def _get_docstring(consumer: Any) -> str | None:
    """Return the docstring of a class, or of the next base that is not of a library."""
    if not isinstance(consumer, type):
        return getattr(consumer, "__doc__", None)
    for cls in consumer.__mro__:
        if cls.__module__.startswith(("chanx.generic", "channels.")) or cls is object:
            return None
        if cls.__doc__:
            return str(cls.__doc__)
    return None


# --- names and paths ------------------------------------------------------------------------------


def _make_names(routes: Sequence[Route]) -> list[str]:
    """Return a name for each route: the route's own, or the class's, with the path if need be."""
    wanted = [route.name or route.consumer.__name__ for route in routes]
    counts = Counter(wanted)
    names: dict[str, None] = {}
    for route, name in zip(routes, wanted, strict=True):
        if counts[name] > 1:
            path = "_".join(re.findall(r"[^\W_]+", route.path))
            name = f"{name}_{path}" if path else name
        names[find_free_name(name, names, "_")] = None
    return list(names)


def _describe_path(route: Route) -> tuple[str, tuple[Parameter, ...]]:
    """Return the path, and those of the parameters that stand in it."""
    found = {parameter.name: parameter for parameter in route.parameters}
    described: dict[str, Parameter] = {}

    def look_up(match: "re.Match[str]") -> str:
        name = match[1]
        if name not in found:  # braces of the path's own, which no URL may have
            return f"%7B{name}%7D"
        described[name] = _describe_parameter(found[name])
        return match[0]

    # What is left over stands in a part of a regular expression that need not be there.
    return PLACEHOLDER.sub(look_up, route.path), tuple(described.values())


def _describe_parameter(parameter: PathParameter) -> Parameter:
    schema: dict[str, Any]
    match parameter.converter:
        case "int":
            schema, text, example = {"type": "integer", "minimum": 0}, "A whole number.", "1"
        case "uuid":
            schema, text, example = {"type": "string", "format": "uuid"}, "A UUID.", _UUID
        case "string":
            schema, text, example = {"type": "string", "minLength": 1}, "Text.", "example"
            schema["pattern"] = "^[^/]+$"
        case "path":
            schema, text, example = {"type": "string", "minLength": 1}, "A path.", "some/path"
        case "slug":
            pattern = f"^{parameter.pattern}$"
            schema, text = {"type": "string", "pattern": pattern}, "Letters, digits, - and _."
            example = "example"
        case _:
            pattern = f"^(?:{parameter.pattern})$"
            schema, text = {"type": "string", "pattern": pattern}, ""
            return Parameter(
                parameter.name,
                parameter.pattern,
                parameter.converter,
                schema,
                f"Text that matches {parameter.pattern}",
                make_text(pattern),
            )
    return Parameter(parameter.name, parameter.pattern, parameter.converter, schema, text, example)
