"""Views and sockets. The sockets twice: alone, and behind the middleware of Channels."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.live.auth_site.settings")
django.setup()

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

from chanx.routing import include, path, re_path
from tests.live.auth_site.constants import HEADER
from tests.live.auth_site.models import Account
from tests.live.auth_site.routing import router


class OwnMiddleware:
    """Puts the user of a header into the scope, as many a site's own middleware does."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        """Find the user, and go on."""
        email = dict(scope["headers"]).get(HEADER.lower().encode(), b"").decode()
        user = await Account.objects.filter(email=email).afirst()
        if user:
            scope = {**scope, "user": user}
        return await self.inner(scope, receive, send)


stack: Any = AuthMiddlewareStack(router)
application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter(
            [
                path("ws/", include(router)),
                re_path(r"^stack/", stack),
                re_path(r"^own/", OwnMiddleware(router)),
            ]
        ),
    }
)
