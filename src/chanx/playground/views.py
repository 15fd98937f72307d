"""The playground."""

from typing import Any

from django.http import HttpRequest

from chanx import codes
from chanx.description.data import make_data
from chanx.description.endpoints import Description
from chanx.pages.login import get_login_url
from chanx.pages.page import PageView
from chanx.pages.server import get_websocket_url

__all__ = ["PlaygroundView"]


class PlaygroundView(PageView):
    """Connections to endpoints, opened from the browser."""

    name = "playground"
    template_name = "chanx/playground.html"

    def get_context(self, request: HttpRequest, description: Description) -> dict[str, Any]:
        """Return what the scripts of the page work on."""
        data = {
            **make_data(description),
            "server": get_websocket_url(request),
            "close_codes": {str(code): text for code, text in codes.MEANINGS.items()},
            "user": _get_user_name(request),
            "login_url": get_login_url(request),
        }
        return {"data": data}


def _get_user_name(request: HttpRequest) -> str | None:
    """Return who is logged in by the session, which a browser's sockets carry too."""
    user = getattr(request, "user", None)
    return user.get_username() if user is not None and user.is_authenticated else None
