"""Who may see documents and pages: developers, and whom the site's permission lets in."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from chanx.integrations.loading import load_permissions
from chanx.settings import chanx_settings

__all__ = ["DocumentationView"]


class DocumentationView(APIView):
    """A view that answers when DEBUG is on, or to visitors whom DOCUMENTATION_PERMISSIONS lets in.

    They are known by the project's authentication classes or, as in the admin, by their session.
    """

    schema = None  # no part of the API that it describes
    throttle_classes = ()
    versioning_class = None
    renderer_classes = (JSONRenderer,)
    """For refusals; what is asked for is not looked at, as there is one format behind each URL."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return the project's, and that of sessions."""
        classes: list[Any] = list(api_settings.DEFAULT_AUTHENTICATION_CLASSES)
        if not any(issubclass(each, SessionAuthentication) for each in classes):
            classes.append(SessionAuthentication)
        return [each() for each in classes]

    def perform_authentication(self, request: Request) -> None:
        """Find out who asks; in development nobody is refused, whatever credentials they have."""
        try:
            super().perform_authentication(request)
        except AuthenticationFailed:
            if not settings.DEBUG:
                raise

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Take the one renderer, also for clients that ask for another type."""
        return super().perform_content_negotiation(request, force=True)

    def get_permissions(self) -> Sequence[BasePermission]:
        """Return none in development, else those of the setting."""
        if settings.DEBUG:
            return []
        name = "DOCUMENTATION_PERMISSIONS"
        return [each() for each in load_permissions(name, getattr(chanx_settings, name))]
