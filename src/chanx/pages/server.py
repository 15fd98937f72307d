"""Where the sockets are, as a browser on this site reaches them."""

from django.http import HttpRequest

from chanx.settings import chanx_settings

__all__ = ["get_websocket_url"]


def get_websocket_url(request: HttpRequest) -> str:
    """Return scheme and host of the sockets, like ``wss://example.com``, with no slash at the end.

    What the site has set as WEBSOCKET_BASE_URL; without it the host that the request came to.
    """
    own = chanx_settings.user_settings.get("WEBSOCKET_BASE_URL")
    if own:
        return str(own).rstrip("/")
    return f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
