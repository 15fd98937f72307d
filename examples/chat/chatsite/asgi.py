"""The application that an ASGI server runs: `uvicorn chatsite.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
django_application = get_asgi_application()  # loads the apps; what follows imports models

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

from chanx.routing import include, path

if settings.DEBUG:  # elsewhere static files are the business of the web server
    django_application = ASGIStaticFilesHandler(django_application)

application = ProtocolTypeRouter(
    {
        "http": django_application,
        # Nothing around the router: chanx looks at the origin and reads the session itself.
        "websocket": URLRouter([path("ws/", include("chat.routing"))]),
    }
)
