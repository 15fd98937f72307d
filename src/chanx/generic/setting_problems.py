"""What can be wrong with the values in the CHANX dictionary."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils.functional import Promise

from chanx.engine.limits import CLASS_LIMITS, PROCESS_LIMITS, find_bad_limits
from chanx.integrations.credentials import TOKEN_TRANSPORTS
from chanx.integrations.origin import find_bad_origins
from chanx.settings import DEFAULTS

__all__ = ["DOCUMENTATION", "find_bad_names", "find_bad_settings", "is_websocket_url"]

_URL: Final = 'the URL of a WebSocket server, like "wss://example.com"'
_HOST: Final = re.compile(r"([\w.~-]+|\[[0-9a-fA-F:.]+\])(:\d+)?")
_TEXTS: Final = ("ASYNCAPI_TITLE", "ASYNCAPI_VERSION", "ASYNCAPI_DESCRIPTION")
_CHOICES: Final = {
    "TOKEN_TRANSPORTS": TOKEN_TRANSPORTS,
    "RECHECK_ON": tuple(DEFAULTS["RECHECK_ON"]),
}
"""What the settings that are lists of names may hold."""

DOCUMENTATION: Final = frozenset(
    {
        "ASYNCAPI_DESCRIPTION",
        "ASYNCAPI_HOOK",
        "ASYNCAPI_SERVERS",
        "ASYNCAPI_TITLE",
        "ASYNCAPI_VERSION",
        "DOCUMENTATION_PERMISSIONS",
        "WEBSOCKET_BASE_URL",
    }
)
"""Settings that no socket needs."""


def find_bad_settings(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name of each setting whose value makes no sense, and what is wrong with it.

    Nothing is imported: what is named by a dotted path is found out by who needs it.
    """
    for name, default in DEFAULTS.items():
        if name not in found:
            continue
        value = found[name]
        if isinstance(default, bool) and not isinstance(value, bool):
            yield name, f"is {value!r}, but must be True or False"
        elif name == "MESSAGE_ACTION_KEY" and not (isinstance(value, str) and value):
            yield name, f"is {value!r}, but must be a string that is not empty"
        elif name in _TEXTS and not isinstance(value, str | Promise):
            yield name, f"is {value!r}, but must be a string"
        elif name == "ASYNCAPI_SERVERS":
            if not (isinstance(value, dict) and all(map(_is_text, (*value, *value.values())))):
                yield name, f"is {value!r}, but must be a dict of names and URLs"
            else:
                for key, url in value.items():
                    if not is_websocket_url(url):
                        yield name, f"has {url!r} for {key!r}, but must have {_URL}"
        elif name == "WEBSOCKET_BASE_URL":
            if not is_websocket_url(value):
                yield name, f"is {value!r}, but must be {_URL}"
        elif name == "ALLOWED_ORIGINS":
            for problem in find_bad_origins(value):
                yield name, problem
        elif name in _CHOICES:
            for problem in find_bad_names(value, _CHOICES[name]):
                yield name, problem
        elif isinstance(default, list) and isinstance(value, str) and name not in DOCUMENTATION:
            yield name, f"is {value!r}, but must be a list"
        elif name.lower() in (*CLASS_LIMITS, *PROCESS_LIMITS):
            for _, problem in find_bad_limits({name.lower(): value}):
                yield name, problem


def find_bad_names(value: Any, known: tuple[str, ...]) -> Iterator[str]:
    """Yield what is wrong with a list that holds some of the known names."""
    if not isinstance(value, list | tuple):
        yield f"is {value!r}, but must be a list of {', '.join(known)}"
        return
    for name in value:
        if name not in known:
            yield f"holds {name!r}, but may hold {', '.join(known)}"


def is_websocket_url(value: Any) -> bool:
    """Tell whether this is the URL of a WebSocket server."""
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
        _ = parts.port, parts.netloc.encode("idna")  # these raise, too
    except ValueError:
        return False
    # urlsplit() takes whatever stands there. A password would be seen by whoever sees the pages.
    is_plain = _HOST.fullmatch(parts.netloc) and not re.search(r"[\s\x00-\x1f?#]", value)
    return parts.scheme in ("ws", "wss") and bool(is_plain)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
