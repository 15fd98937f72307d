"""HTTP middleware of the site."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Let pages load and run nothing but this site's own files.

    Were a message ever rendered unescaped, its script still would not run. Error pages are left
    out, because Django's debug page lives on inline styles.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code < 400:
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware
