"""The AsyncAPI 3.0.0 document of a description: a plain dict, the same for the same code.

https://www.asyncapi.com/docs/reference/specification/v3.0.0 is meant by "the specification". What
it has no place for stands in fields whose names begin with ``x-``.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from chanx.description.endpoints import PLACEHOLDER, Description, Endpoint, Parameter, describe_site
from chanx.description.messages import MessageDescription
from chanx.description.names import find_free_name
from chanx.description.schemas import DEFINITIONS, change_schema
from chanx.description.security import SecurityScheme
from chanx.generic.setting_problems import is_websocket_url
from chanx.integrations.loading import load_function
from chanx.settings import chanx_settings

__all__ = ["SPECIFICATION_VERSION", "make_document", "make_site_document"]

SPECIFICATION_VERSION: Final = "3.0.0"
_SCHEMAS: Final = "#/components/schemas/"

Document = dict[str, Any]


def make_site_document(description: Description | None = None) -> Document:
    """Return the document of what ASGI_APPLICATION reaches, as ASYNCAPI_HOOK leaves it.

    ``description``: that of the site, where the caller has it already.

    Raises ImproperlyConfigured when the application or the hook cannot be imported, when the hook
    returns something else than a dict or None, and for a server's URL that is none.
    """
    document = make_document(description or describe_site())
    hook = load_function("ASYNCAPI_HOOK", chanx_settings.ASYNCAPI_HOOK)
    if hook is None:
        return document
    changed = hook(document)
    if changed is None:  # changed in place
        return document
    if not isinstance(changed, dict):
        raise ImproperlyConfigured(
            f"CHANX['ASYNCAPI_HOOK'] returned {type(changed).__name__}: return the document, a "
            "dict, or None after changing it in place"
        )
    return changed


def make_document(description: Description) -> Document:
    """Return the document of a description, before any hook."""
    writer = _Writer(description)
    channels = {writer.get_channel_id(each): each for each in description.endpoints}
    info: Document = {"title": chanx_settings.ASYNCAPI_TITLE}
    info["version"] = chanx_settings.ASYNCAPI_VERSION
    if text := chanx_settings.ASYNCAPI_DESCRIPTION:
        info["description"] = text
    tags = [{"name": name} for name in _find_tags(description.endpoints)]
    if tags:
        info["tags"] = tags
    document: Document = {
        "asyncapi": SPECIFICATION_VERSION,
        "info": info,
        "defaultContentType": "application/json",
        "servers": _make_servers(),
        "channels": {name: writer.make_channel(endpoint) for name, endpoint in channels.items()},
        "operations": {
            key: operation
            for name, endpoint in channels.items()
            for key, operation in writer.make_operations(name, endpoint)
        },
    }
    document["components"] = writer.make_components()
    return document


class _Writer:
    """Writes the parts of one document, and knows what they are called in it."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._schema_ids = _make_ids(description.definitions)
        self._channel_ids = _make_ids(each.name for each in description.endpoints)
        messages = [
            message
            for endpoint in description.endpoints
            for message in (*endpoint.incoming, *endpoint.outgoing)
        ]
        self._messages: dict[Any, MessageDescription] = {}
        for message in messages:
            self._messages.setdefault(_get_key(message), message)
        self._message_ids = dict(
            zip(self._messages, _name_messages(list(self._messages.values())), strict=True)
        )
        schemes = dict.fromkeys(each for one in description.endpoints for each in one.security)
        self._scheme_ids = dict(
            zip(schemes, _make_unique(scheme.name for scheme in schemes), strict=True)
        )

    def get_channel_id(self, endpoint: Endpoint) -> str:
        """Return what the channel of an endpoint is called in the document."""
        return self._channel_ids[endpoint.name]

    # --- channels and operations ----------------------------------------------------------------

    def make_channel(self, endpoint: Endpoint) -> Document:
        """Return a Channel Object."""
        address, parameters = _make_address(endpoint)
        channel: Document = {"address": address, "title": endpoint.name}
        channel |= _make_texts(endpoint.summary, endpoint.description)
        if not endpoint.is_described:
            note = f"{endpoint.consumer} is no consumer of chanx: what it sends is not known."
            channel["description"] = "\n\n".join(filter(None, [endpoint.description, note]))
        if endpoint.tags:
            channel["tags"] = [{"name": tag} for tag in endpoint.tags]
        if parameters:
            channel["parameters"] = parameters
        messages = {
            self._message_ids[_get_key(each)]: {
                "$ref": f"#/components/messages/{self._message_ids[_get_key(each)]}"
            }
            for each in (*endpoint.incoming, *endpoint.outgoing)
        }
        if messages:
            channel["messages"] = messages
        binding: Document = {"method": "GET"}
        if endpoint.query is not None:
            binding["query"] = self._convert(endpoint.query)
        channel["bindings"] = {"ws": binding | {"bindingVersion": "0.1.0"}}
        if endpoint.is_deprecated:
            channel["x-deprecated"] = True
        if endpoint.subprotocols:
            channel["x-subprotocols"] = list(endpoint.subprotocols)
        if endpoint.problems:
            channel["x-problems"] = list(endpoint.problems)
        return channel

    def make_operations(self, name: str, endpoint: Endpoint) -> Iterable[tuple[str, Document]]:
        """Yield the Operation Objects of an endpoint: "receive" and "send" are the server's."""
        for action, verb, messages in (
            ("receive", "Clients send", endpoint.incoming),
            ("send", "The server sends", endpoint.outgoing),
        ):
            if not messages:
                continue
            operation: Document = {
                "action": action,
                "channel": {"$ref": f"#/channels/{name}"},
                "title": f"{verb} ({endpoint.name})",
            }
            if action == "send" and not endpoint.outgoing_is_complete:
                operation["description"] = (
                    "The consumer may send more: it does not list all that it sends."
                )
            if endpoint.tags:
                operation["tags"] = [{"name": tag} for tag in endpoint.tags]
            if endpoint.security:
                operation["security"] = [
                    {"$ref": f"#/components/securitySchemes/{self._scheme_ids[scheme]}"}
                    for scheme in endpoint.security
                ]
                operation["x-login-required"] = endpoint.needs_login
            operation["messages"] = [
                {"$ref": f"#/channels/{name}/messages/{self._message_ids[_get_key(each)]}"}
                for each in messages
            ]
            if endpoint.is_deprecated:
                operation["x-deprecated"] = True
            yield f"{action}_{name}", operation

    # --- components -----------------------------------------------------------------------------

    def make_components(self) -> Document:
        """Return the Components Object, without the parts that would be empty."""
        components: Document = {
            "schemas": {
                self._schema_ids[name]: self._convert(schema)
                for name, schema in self._description.definitions.items()
            },
            "messages": {
                self._message_ids[key]: self._make_message(message)
                for key, message in sorted(
                    self._messages.items(), key=lambda item: self._message_ids[item[0]]
                )
            },
            "securitySchemes": {
                name: _make_security(scheme) for scheme, name in self._scheme_ids.items()
            },
        }
        return {name: part for name, part in components.items() if part}

    def _make_message(self, message: MessageDescription) -> Document:
        made: Document = {"name": message.name, "title": message.name}
        made |= _make_texts(message.summary, message.description)
        made["contentType"] = "application/json"
        if message.schema is None:
            made["payload"] = {"type": "object", "description": "It has no JSON Schema."}
        else:
            made["payload"] = {"$ref": _SCHEMAS + self._schema_ids[message.schema]}
        examples = [each for each in message.examples if not _holds_reference(each.content)]
        if examples:
            made["examples"] = [
                {"name": example.name, "payload": example.content} for example in examples
            ]
        made["x-actions"] = list(message.actions)
        if message.is_deprecated:
            made["x-deprecated"] = True
        if message.problems:
            made["x-problems"] = list(message.problems)
        return made

    def _convert(self, schema: Mapping[str, Any]) -> Any:
        """Return a schema as the specification has it: JSON Schema Draft 07, and some more."""
        return change_schema(dict(schema), self._convert_one)

    def _convert_one(self, schema: Document) -> Document:
        # Of OpenAPI; here it is a string, with another meaning. The constants in the members say
        # the same.
        schema.pop("discriminator", None)
        if not isinstance(schema.get("examples", []), list):
            del schema["examples"]
        for key in ("default", "examples"):
            if _holds_reference(schema.get(key)):
                del schema[key]
        if "prefixItems" in schema:
            rest = schema.pop("items", None)
            schema["items"] = schema.pop("prefixItems")
            if rest is not None:
                schema["additionalItems"] = rest
        if isinstance(reference := schema.get("$ref"), str):
            name = reference.removeprefix(DEFINITIONS)
            schema["$ref"] = _SCHEMAS + self._schema_ids.get(name, name)
            if len(schema) > 1:  # Draft 07 ignores what stands beside a reference
                schema = {"allOf": [{"$ref": schema.pop("$ref")}], **schema}
        return schema


def _holds_reference(data: Any) -> bool:
    """Tell whether data has what tools take for a reference, wherever it stands."""
    if isinstance(data, dict):
        return "$ref" in data or any(map(_holds_reference, data.values()))
    return isinstance(data, list) and any(map(_holds_reference, data))


def _get_key(message: MessageDescription) -> Any:
    return (message.path, message.direction, message.schema)


def _name_messages(messages: list[MessageDescription]) -> list[str]:
    """Return an id for each message; those of one name are told apart by where they go."""
    wanted = Counter(message.name for message in messages)
    return _make_unique(
        f"{message.name}_{message.direction}" if wanted[message.name] > 1 else message.name
        for message in messages
    )


def _make_texts(summary: str, description: str) -> Document:
    made = {"summary": summary, "description": description}
    return {key: text for key, text in made.items() if text}


def _find_tags(endpoints: Iterable[Endpoint]) -> list[str]:
    return sorted({tag for endpoint in endpoints for tag in endpoint.tags})


# --- names ----------------------------------------------------------------------------------------


def _make_ids(names: Iterable[str]) -> dict[str, str]:
    """Return a key for each name that the specification allows: ASCII letters, digits, - and _."""
    listed = list(dict.fromkeys(names))
    return dict(zip(listed, _make_unique(listed), strict=True))


def _make_unique(names: Iterable[str]) -> list[str]:
    made: dict[str, None] = {}
    for name in names:
        # Letters without their accents; what else is not ASCII becomes "_".
        parts = unicodedata.normalize("NFKD", name)
        plain = "".join(part for part in parts if not unicodedata.combining(part))
        wanted = re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_") or "unnamed"
        made[find_free_name(wanted, made, "_")] = None
    return list(made)


def _make_address(endpoint: Endpoint) -> tuple[str, Document]:
    """Return the path with the keys of its parameters, and their Parameter Objects."""
    ids = _make_ids(parameter.name for parameter in endpoint.parameters)
    # In one go: a key may be another parameter's name.
    address = PLACEHOLDER.sub(lambda match: f"{{{ids[match[1]]}}}", endpoint.path)
    return address, {ids[each.name]: _make_parameter(each) for each in endpoint.parameters}


def _make_parameter(parameter: Parameter) -> Document:
    made: Document = {}
    if parameter.description:
        made["description"] = parameter.description
    if parameter.example is not None:
        made["examples"] = [parameter.example]
    # Parameters have had no schema since AsyncAPI 3.
    made["x-schema"] = dict(parameter.schema)
    made["x-pattern"] = parameter.pattern
    return made


# --- servers and security -------------------------------------------------------------------------


def _make_servers() -> Document:
    servers: Any = chanx_settings.ASYNCAPI_SERVERS or {"default": chanx_settings.WEBSOCKET_BASE_URL}
    if not isinstance(servers, dict):
        raise ImproperlyConfigured(
            f"CHANX['ASYNCAPI_SERVERS'] is {servers!r}, but must be a dict of names and URLs"
        )
    made: Document = {}
    for (name, url), key in zip(servers.items(), _make_unique(servers), strict=True):
        if not is_websocket_url(url):
            setting = (
                "ASYNCAPI_SERVERS" if chanx_settings.ASYNCAPI_SERVERS else "WEBSOCKET_BASE_URL"
            )
            raise ImproperlyConfigured(
                f"CHANX[{setting!r}] has {url!r} for {name!r}, which is no URL of a WebSocket "
                'server: write it like "wss://example.com"'
            )
        parts = urlsplit(url)
        made[key] = {"host": parts.netloc, "protocol": parts.scheme}
        if path := parts.path.rstrip("/"):
            made[key]["pathname"] = path
        if key != name:
            made[key]["title"] = name
    return made


def _make_security(scheme: SecurityScheme) -> Document:
    """Return a Security Scheme Object."""
    made: Document
    match scheme.kind, scheme.location:
        case "session", _:
            made = {"type": "httpApiKey", "in": "cookie", "name": scheme.parameter}
        case "basic", _:
            made = {"type": "http", "scheme": "basic"}
        case "token", "header" if scheme.scheme and scheme.scheme.lower() == "bearer":
            made = {"type": "http", "scheme": "bearer"}
            if scheme.is_jwt:
                made["bearerFormat"] = "JWT"
        case "token", "header" | "subprotocol":
            made = {"type": "httpApiKey", "in": "header", "name": scheme.parameter}
        case "token", "query":
            made = {"type": "httpApiKey", "in": "query", "name": scheme.parameter}
        case "token", _:
            # The nearest of the specification's types: a secret that stands for a password.
            made = {"type": "apiKey", "in": "password"}
        case _:
            # There is no type for what is not known; this one has no fields to be filled.
            made = {"type": "userPassword", "x-kind": "custom"}
    made["description"] = scheme.description
    return made
