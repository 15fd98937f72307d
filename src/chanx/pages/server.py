"""Where the sockets are, as a browser on this site reaches them."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.urls import get_script_prefix

from chanx.generic.setting_problems import is_websocket_url
from chanx.settings import chanx_settings

__all__ = ["get_origin", "get_websocket_url"]


def get_websocket_url(request: HttpRequest) -> str:
    """Return where paths of sockets begin, like ``wss://example.com``, with no slash at the end.

    What the site has set as WEBSOCKET_BASE_URL; without it the host that the request came to, and
    the prefix under which the site is served (SCRIPT_NAME, root_path), which no route has in it.
    Raises ImproperlyConfigured for a setting that is no such URL.
    """
    own = chanx_settings.user_settings.get("WEBSOCKET_BASE_URL")
    if own:
        if not is_websocket_url(str(own)):
            raise ImproperlyConfigured(
                f"CHANX['WEBSOCKET_BASE_URL'] is {own!r}, which is no URL of a WebSocket server: "
                'write it like "wss://example.com"'
            )
        return str(own).rstrip("/")
    scheme = "wss" if request.is_secure() else "ws"
    return f"{scheme}://{request.get_host()}{get_script_prefix().rstrip('/')}"


def get_origin(url: str) -> str:
    """Return scheme and host of a URL, as a Content-Security-Policy has them; "" for a path.

    Not the path: a policy takes one for the only address, unless it ends in a slash.
    """
    parts = urlsplit(url)
    if not parts.netloc:
        return ""
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    return f"{parts.scheme}://{host}" if parts.scheme else host
