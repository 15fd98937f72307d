"""The application that an ASGI server runs: `uvicorn guidesite.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guidesite.settings")
django_application = get_asgi_application()  # loads the apps; what follows imports models

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter

from chanx.routing import include, path

# The stack is the guide's. chanx needs nothing around the router: see examples/chat.
application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": AuthMiddlewareStack(URLRouter([path("ws/", include("myapp.routing"))])),
    }
)
