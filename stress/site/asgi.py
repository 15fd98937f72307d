"""The application under stress. There is no middleware: chanx stands alone."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stress.site.settings")
django.setup()

from channels.routing import ProtocolTypeRouter, URLRouter

from chanx.routing import include, path
from stress.site.routing import router

application = ProtocolTypeRouter({"websocket": URLRouter([path("ws/", include(router))])})
