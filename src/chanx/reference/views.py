"""The reference page."""

from typing import Any

from django.http import HttpRequest

from chanx.description.endpoints import Description
from chanx.pages.page import PageView

__all__ = ["ReferenceView"]


class ReferenceView(PageView):
    """All endpoints with their messages, to read."""

    name = "reference"
    template_name = "chanx/reference.html"

    def get_context(self, request: HttpRequest, description: Description) -> dict[str, Any]:
        """Return the endpoints."""
        return {"description": description}
