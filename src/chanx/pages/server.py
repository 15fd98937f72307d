"""Where the sockets are, as a browser on this site reaches them."""

from django.http import HttpRequest
from django.urls import get_script_prefix

from chanx.settings import chanx_settings

__all__ = ["get_websocket_url"]


def get_websocket_url(request: HttpRequest) -> str:
    """Return where paths of sockets begin, like ``wss://example.com``, with no slash at the end.

    What the site has set as WEBSOCKET_BASE_URL; without it the host that the request came to, and
    the prefix under which the site is served (SCRIPT_NAME, root_path), which no route has in it.
    """
    own = chanx_settings.user_settings.get("WEBSOCKET_BASE_URL")
    if own:
        return str(own).rstrip("/")
    scheme = "wss" if request.is_secure() else "ws"
    return f"{scheme}://{request.get_host()}{get_script_prefix().rstrip('/')}"
