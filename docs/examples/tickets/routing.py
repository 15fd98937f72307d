from channels.routing import URLRouter
from chanx.routing import path

from .consumers import TicketConsumer

router = URLRouter([path("<int:ticket_id>/", TicketConsumer.as_asgi())])
