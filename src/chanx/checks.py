"""System checks: what ``manage.py check`` says of consumers and settings."""

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

from channels.routing import get_default_application
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

from chanx.generic.problems import find_bad_settings, find_problems
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.integrations.discovery import get_routes
from chanx.settings import DEFAULTS

__all__ = ["check_consumers", "check_settings"]


@register("chanx")
def check_settings(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Report what is wrong with the CHANX dictionary."""
    found = getattr(settings, "CHANX", {})
    if not isinstance(found, dict):
        return [
            Error(
                f"CHANX is a {type(found).__name__}, not a dictionary.",
                hint="Write CHANX = {...} in the settings.",
                id="chanx.E010",
            )
        ]
    unknown: list[CheckMessage] = [
        Error(
            f"CHANX has an unknown setting {name!r}.",
            hint=f"Remove it, or correct its name; the settings are {', '.join(DEFAULTS)}.",
            id="chanx.E011",
        )
        for name in found
        if name not in DEFAULTS
    ]
    return unknown + [
        Error(
            f"CHANX[{name!r}] {problem}.",
            hint=f"Correct it, or remove it: the default is {DEFAULTS[name]!r}.",
            id="chanx.E013",
        )
        for name, problem in find_bad_settings(found)
    ]


@register("chanx")
def check_consumers(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Report what is wrong with the consumers that ASGI_APPLICATION reaches."""
    if not _get_name():
        return []
    try:
        application = get_default_application()
    except ImproperlyConfigured as error:
        return [_make_import_error(_find_cause(error))]
    except Exception as error:
        # The module runs the site's code, and as_asgi() raises for consumers that cannot work.
        return [_make_import_error(error)]
    consumers = dict.fromkeys(
        route.consumer
        for route in get_routes(application)
        if issubclass(route.consumer, AsyncJsonWebsocketConsumer)
    )
    return [message for consumer in consumers for message in _check_consumer(consumer)]


def _check_consumer(consumer: Any) -> Iterator[CheckMessage]:
    for problem in find_problems(consumer):
        kind = Error if problem.is_error else Warning
        text = f"{consumer.__name__}.{problem.attribute} {problem.text}."
        yield kind(text, hint=f"{problem.fix}.", obj=consumer, id=f"chanx.{problem.id}")


def _get_name() -> str:
    return str(getattr(settings, "ASGI_APPLICATION", None) or "")


def _find_cause(error: ImproperlyConfigured) -> Exception:
    """Return what Channels' "Cannot import ASGI_APPLICATION module" hides."""
    module = _get_name().rpartition(".")[0]
    try:
        importlib.import_module(module)
    except Exception as cause:
        return cause
    return error


def _make_import_error(error: Exception) -> CheckMessage:
    return Error(
        f"ASGI_APPLICATION {_get_name()!r} cannot be loaded: {error}",
        hint="Correct what the message names; then the consumers behind it are checked too.",
        id="chanx.E012",
    )
