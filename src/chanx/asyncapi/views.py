"""The document over HTTP."""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from chanx.asyncapi.document import make_site_document
from chanx.asyncapi.renderers import CONTENT_TYPES, FORMATS
from chanx.pages.access import DocumentationView

__all__ = ["DocumentView"]


class DocumentView(DocumentationView):
    """The AsyncAPI document, in the format of ``as_view(document_format=...)``."""

    document_format = "json"

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the document as it is now."""
        text = FORMATS[self.document_format](make_site_document())
        response = HttpResponse(text, content_type=CONTENT_TYPES[self.document_format])
        # It is shown to some and not to others.
        response["Cache-Control"] = "private, no-cache"
        response["X-Content-Type-Options"] = "nosniff"
        return response
