"""System checks: what ``manage.py check`` says of consumers and settings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.template.loader import get_template
from django.urls import get_resolver

from chanx.generic.problems import (
    ConsumerProblem,
    find_deployment_problems,
    find_problems,
)
from chanx.generic.setting_problems import find_bad_settings
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.integrations.application import get_application_name, load_application
from chanx.integrations.discovery import get_routes
from chanx.integrations.loading import load_function, load_permissions
from chanx.integrations.origin import ANY_ORIGIN
from chanx.settings import DEFAULTS, chanx_settings

__all__ = ["check_consumers", "check_deployment", "check_pages", "check_settings"]

_LOADERS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "ASYNCAPI_HOOK": load_function,
    "DOCUMENTATION_PERMISSIONS": load_permissions,
}
_PAGES: Final = ("websocket_reference", "websocket_playground")


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
    bad = [(name, f"CHANX[{name!r}] {problem}") for name, problem in find_bad_settings(found)]
    return unknown + [
        Error(
            f"{text}.",
            hint=f"Correct it, or remove it: the default is {DEFAULTS[name]!r}.",
            id="chanx.E013",
        )
        for name, text in (*bad, *_find_bad_imports(found))
    ]


def _find_bad_imports(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the settings that name classes and functions."""
    for name, load in _LOADERS.items():
        if name in found:
            try:
                load(name, found[name])
            except ImproperlyConfigured as error:
                yield name, str(error)


@register("chanx")
def check_pages(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Report what the pages lack, where the site has included them."""
    included = [name for name in _find_url_names() if name in _PAGES]
    if not included:
        return []
    messages: list[CheckMessage] = []
    if not get_application_name():
        messages.append(
            Warning(
                f"ROOT_URLCONF includes {included[0]}, but ASGI_APPLICATION is not set, so there "
                "are no routes to show or to check.",
                hint='Set ASGI_APPLICATION, like "mysite.asgi.application".',
                id="chanx.W008",
            )
        )
    try:
        get_template("chanx/base.html")
    except Exception:
        messages.append(
            Warning(
                f"ROOT_URLCONF includes {included[0]}, but no template engine finds "
                "chanx/base.html.",
                hint='Put "chanx" into INSTALLED_APPS, and a DjangoTemplates engine with '
                '"APP_DIRS": True into TEMPLATES.',
                id="chanx.W006",
            )
        )
    if not (apps.is_installed("django.contrib.staticfiles") and settings.STATIC_URL):
        messages.append(
            Warning(
                f"ROOT_URLCONF includes {included[0]}, but nothing gathers its scripts and styles.",
                hint='Put "django.contrib.staticfiles" into INSTALLED_APPS and set STATIC_URL.',
                id="chanx.W007",
            )
        )
    return messages


@register("chanx")
def check_consumers(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Report what is wrong with the consumers that ASGI_APPLICATION reaches."""
    if not get_application_name():
        return []
    try:
        application = load_application()
    except ImproperlyConfigured as error:
        return [
            Error(
                f"{error}",
                hint="Correct what the message names; then the consumers behind it are checked "
                "too.",
                id="chanx.E012",
            )
        ]
    messages: list[CheckMessage] = [
        Error(
            f"The route {route.path!r} leads to the class {route.consumer.__name__} itself, so "
            "that nobody can connect.",
            hint=f"Write {route.consumer.__name__}.as_asgi() in the route.",
            obj=route.consumer,
            id="chanx.E021",
        )
        for route in get_routes(application)
        if route.is_class
    ]
    for consumer in _get_consumers(application):
        messages += _describe(consumer, find_problems(consumer))
    return messages


@register("chanx", deploy=True)
def check_deployment(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Report what is fit for development only, in settings and consumers."""
    messages = list(_check_deployed_settings())
    try:
        application = load_application() if get_application_name() else None
    except ImproperlyConfigured:  # which check_consumers() reports
        return messages
    for consumer in _get_consumers(application) if application else ():
        messages += _describe(consumer, find_deployment_problems(consumer))
    return messages


def _check_deployed_settings() -> Iterator[CheckMessage]:
    found = getattr(settings, "CHANX", {})
    if not isinstance(found, dict) or any(find_bad_settings(found)):
        return  # which check_settings() reports
    if ANY_ORIGIN in chanx_settings.ALLOWED_ORIGINS:
        yield Warning(
            "CHANX['ALLOWED_ORIGINS'] lets the pages of any site open sockets with the cookies of "
            "their visitors.",
            hint="Name the origins, or remove it where ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS are "
            "enough.",
            id="chanx.W003",
        )
    if "query" in chanx_settings.TOKEN_TRANSPORTS:
        yield Warning(
            "CHANX['TOKEN_TRANSPORTS'] takes tokens from the query string, which servers and "
            "proxies log.",
            hint='Use "subprotocol" or "message", or tokens that can be used once.',
            id="chanx.W004",
        )


def _find_url_names() -> list[str]:
    """Return the names of all URL patterns, also of those in namespaces and under prefixes."""
    try:
        return list(_walk_patterns(get_resolver().url_patterns))
    except Exception:  # Django's own checks report why
        return []


def _walk_patterns(patterns: Iterable[Any]) -> Iterator[str]:
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            yield from _walk_patterns(pattern.url_patterns)
        elif pattern.name:
            yield pattern.name


def _get_consumers(application: Any) -> list[type[Any]]:
    """Return the consumer classes of ours that an application reaches, each once."""
    found = (route.consumer for route in get_routes(application))
    ours = (
        consumer
        for consumer in found
        if isinstance(consumer, type) and issubclass(consumer, AsyncJsonWebsocketConsumer)
    )
    return list(dict.fromkeys(ours))


def _describe(consumer: Any, problems: Iterable[ConsumerProblem]) -> Iterator[CheckMessage]:
    for problem in problems:
        kind = Error if problem.is_error else Warning
        text = f"{consumer.__name__}.{problem.attribute} {problem.text}."
        yield kind(text, hint=f"{problem.fix}.", obj=consumer, id=f"chanx.{problem.id}")
