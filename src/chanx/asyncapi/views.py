"""The document over HTTP."""

from rest_framework.request import Request

from chanx.asyncapi.document import make_site_document
from chanx.asyncapi.renderers import CONTENT_TYPES, FORMATS
from chanx.pages.data import DataView

__all__ = ["DocumentView"]


class DocumentView(DataView):
    """The AsyncAPI document, in the format of ``as_view(document_format=...)``."""

    document_format = "json"

    @property
    def content_type(self) -> str:  # type: ignore[override]  # read only, and of the instance
        """That of the format."""
        return CONTENT_TYPES[self.document_format]

    def make_text(self, request: Request) -> str:
        """Return the document as the code is now."""
        return FORMATS[self.document_format](make_site_document())
