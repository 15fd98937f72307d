"""The application that the servers run. There is no middleware: chanx stands alone."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.live.site.settings")
django.setup()

from channels.routing import ProtocolTypeRouter, URLRouter

from chanx.routing import include, path
from tests.live.site.routing import router

application = ProtocolTypeRouter({"websocket": URLRouter([path("ws/", include(router))])})
