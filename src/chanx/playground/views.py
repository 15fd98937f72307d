"""The playground."""

from typing import Any

from django.http import HttpRequest

from chanx.description.data import make_data
from chanx.description.endpoints import Description
from chanx.pages.page import PageView

__all__ = ["PlaygroundView"]


class PlaygroundView(PageView):
    """Connections to endpoints, opened from the browser."""

    name = "playground"
    template_name = "chanx/playground.html"

    def get_context(self, request: HttpRequest, description: Description) -> dict[str, Any]:
        """Return what the scripts of the page work on."""
        return {"data": make_data(description)}
