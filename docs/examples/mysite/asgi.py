# region: first
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
django_application = get_asgi_application()  # before the imports below, which need the models

from channels.routing import ProtocolTypeRouter, URLRouter
from chanx.routing import path

from lobby.consumers import LobbyConsumer

# endregion: first
from notifications.consumers import EarlyConsumer, NotificationsConsumer
from tickets.consumers import OwnTicketConsumer, TicketConsumer
from tickets.dashboard import PositionsConsumer, ReportConsumer
from tickets.desk import DeskConsumer
from tickets.feed import FeedConsumer

# region: first
application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": URLRouter(
            [
                path("ws/lobby/", LobbyConsumer.as_asgi()),
                # endregion: first
                path("ws/tickets/<int:ticket_id>/", TicketConsumer.as_asgi()),
                path("ws/tickets/own/<int:ticket_id>/", OwnTicketConsumer.as_asgi()),
                path("ws/desk/", DeskConsumer.as_asgi()),
                path("ws/feed/", FeedConsumer.as_asgi()),
                path("ws/dashboard/", PositionsConsumer.as_asgi()),
                path("ws/reports/", ReportConsumer.as_asgi()),
                path("ws/notifications/", NotificationsConsumer.as_asgi()),
                path("ws/early/", EarlyConsumer.as_asgi()),
                # region: first
            ]
        ),
    }
)
# endregion: first
