"""The site's ASGI application, and why it could not be imported."""

import traceback
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

__all__ = ["describe_cause", "get_application_name", "load_application"]

# What stands between the site's own line and the exception.
_LIBRARIES: Final = frozenset(
    ("asgiref", "channels", "chanx", "django", "importlib", "pydantic", "rest_framework")
)


def get_application_name() -> str:
    """Return ASGI_APPLICATION, or nothing where the site has none."""
    return str(getattr(settings, "ASGI_APPLICATION", None) or "")


def load_application() -> Any:
    """Return what ASGI_APPLICATION names, which runs the site's code at the first call.

    Raises ImproperlyConfigured that says what went wrong and where, also where Channels'
    ``get_default_application`` only says that the module cannot be imported.
    """
    name = get_application_name()
    if not name:
        raise ImproperlyConfigured(
            "ASGI_APPLICATION is not set: name the application in Django's settings, like "
            '"mysite.asgi.application"'
        )
    try:
        return import_string(name)
    except Exception as error:
        raise ImproperlyConfigured(
            f"ASGI_APPLICATION {name!r} cannot be loaded: {describe_cause(error)}"
        ) from error


def describe_cause(error: BaseException) -> str:
    """Return what an exception says, with the module and the line of the site that it came from."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _LIBRARIES:
            place = f" ({name}, line {line})"
    # The text of a KeyError, say, is a name and nothing else.
    text = f"{type(error).__name__}: {error}" if isinstance(error, LookupError) else str(error)
    return f"{text or type(error).__name__}{place}"
