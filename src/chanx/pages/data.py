"""Answers for programs: JSON and the like, and JSON for whatever goes wrong."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from chanx.pages.access import DocumentationView

__all__ = ["DataView"]


class DataView(DocumentationView):
    """A view whose subclasses make text of the description.

    ``make_text`` may raise ImproperlyConfigured; the answer then is a 500 that says what it says.
    """

    content_type = "application/json"

    def make_text(self, request: Request) -> str:
        """Return the content."""
        raise NotImplementedError

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the text as it is now."""
        try:
            text = self.make_text(request)
        except ImproperlyConfigured as error:
            # Here, and for nobody whom the permissions have kept out.
            return Response({"detail": str(error)}, status=500)
        response = HttpResponse(text, content_type=self.content_type)
        response["Cache-Control"] = "private, no-cache"  # it is shown to some and not to others
        response["X-Content-Type-Options"] = "nosniff"
        return response
