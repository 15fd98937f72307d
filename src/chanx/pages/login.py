"""Where visitors of the pages log in."""

from urllib.parse import quote, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve

__all__ = ["get_login_url"]


def get_login_url(request: HttpRequest) -> str | None:
    """Return where to log in and come back from: LOGIN_URL, else the admin; None: nowhere."""
    for name in (settings.LOGIN_URL, "admin:login"):
        try:
            url = resolve_url(name)
            parts = urlsplit(url)
            if not parts.netloc:
                resolve("/" + parts.path.removeprefix(get_script_prefix()).lstrip("/"))
        except (NoReverseMatch, Resolver404):
            continue
        separator = "&" if parts.query else "?"
        return f"{url}{separator}next={quote(request.get_full_path())}"
    return None
