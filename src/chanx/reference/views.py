"""The reference page."""

from typing import Any

from django.http import HttpRequest

from chanx.codes import MEANINGS
from chanx.description.endpoints import Description
from chanx.pages.page import PageView
from chanx.pages.server import get_websocket_url
from chanx.reference.sections import make_reference

__all__ = ["ReferenceView"]


class ReferenceView(PageView):
    """All endpoints with their messages, to read."""

    name = "reference"
    template_name = "chanx/reference.html"

    def get_context(self, request: HttpRequest, description: Description) -> dict[str, Any]:
        """Return the sections, and the close codes with their meanings."""
        return {
            "reference": make_reference(description, get_websocket_url(request)),
            "close_codes": MEANINGS,
        }
