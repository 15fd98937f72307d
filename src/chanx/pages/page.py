"""A page made from the description of all endpoints."""

import importlib.util
from typing import Any, Final

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from chanx.description.endpoints import Description, describe_site
from chanx.pages.access import DocumentationView
from chanx.pages.login import get_login_url
from chanx.pages.server import get_origin, get_websocket_url
from chanx.settings import chanx_settings

__all__ = ["PageView"]

_LINKS: Final = {
    "reference": "websocket_reference",
    "playground": "websocket_playground",
    "json": "asyncapi_json",
    "yaml": "asyncapi_yaml",
}
_REFUSALS: Final = (
    exceptions.AuthenticationFailed,
    exceptions.NotAuthenticated,
    exceptions.PermissionDenied,
)


class PageView(DocumentationView):
    """A page for people: refusals are pages of the site, failures say what is wrong.

    ``name``: what the page is called among the links. Subclasses name the template, too, and say
    what it shows.
    """

    name = ""
    template_name = ""

    def get_context(self, request: HttpRequest, description: Description) -> dict[str, Any]:
        """Return what the template shows beside what all pages do."""
        raise NotImplementedError

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the page as the code is now."""
        if not apps.is_installed("chanx"):
            raise ImproperlyConfigured('The pages need "chanx" in INSTALLED_APPS')
        page: HttpRequest = request._request
        context: dict[str, Any] = {
            "api_title": chanx_settings.ASYNCAPI_TITLE,
            "api_version": chanx_settings.ASYNCAPI_VERSION,
            "links": {key: find_url(page, name) for key, name in _LINKS.items() if _can(key)},
            "page": self.name,
        }
        server = ""
        try:
            context["server"] = server = get_websocket_url(page)
            description = describe_site()
        except ImproperlyConfigured as error:
            context["error"] = str(error)
            response = render(page, "chanx/unavailable.html", context, status=500)
        else:
            context["problems"] = description.problems
            context |= self.get_context(page, description)
            response = render(page, self.template_name, context)
        response["Cache-Control"] = "private, no-cache"  # it is shown to some and not to others
        response["Content-Security-Policy"] = _make_policy(server)
        response["Referrer-Policy"] = "same-origin"
        response["X-Content-Type-Options"] = "nosniff"
        return response

    def handle_exception(self, exc: Exception) -> Any:
        """Have whom it does not know log in; refuse all others with the site's own page."""
        if isinstance(exc, exceptions.NotAuthenticated):
            url = get_login_url(self.request)
            if url is not None and self.request.method in SAFE_METHODS:
                return HttpResponseRedirect(url)
        if isinstance(exc, _REFUSALS):
            raise PermissionDenied from exc
        if isinstance(exc, exceptions.NotFound | Http404):  # a permission says that nothing is here
            raise Http404 from exc
        return super().handle_exception(exc)


def _can(key: str) -> bool:
    """Tell whether what is behind a link can be made."""
    return key != "yaml" or importlib.util.find_spec("yaml") is not None


def find_url(request: HttpRequest, name: str) -> str | None:
    """Return the URL of another page, included beside this one or at all; None: it is not."""
    match = request.resolver_match
    beside = ":".join([*match.namespaces, name]) if match else name
    captured = match.kwargs if match else {}  # of a prefix like "<slug:tenant>/chanx/"
    for candidate, kwargs in ((beside, captured), (beside, {}), (name, captured), (name, {})):
        try:
            return reverse(candidate, kwargs=kwargs)
        except NoReverseMatch:
            continue
    return None


def _make_policy(server: str) -> str:
    """Return a policy under which a page loads its own files and opens sockets, and nothing else.

    Static files may come from another host.
    """
    own = f"'self' {get_origin(static('chanx/base.css'))}".rstrip()
    sockets = f"'self' {get_origin(server)}".rstrip()
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {own}",
            f"style-src {own}",
            f"img-src {own}",
            f"connect-src {sockets}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
