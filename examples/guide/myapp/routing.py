"""Routes of the sockets, below ws/ (see guidesite/asgi.py): one for each section of the guide."""

from channels.routing import URLRouter

from chanx.routing import path
from myapp.consumers.authentication import SecureRoomConsumer
from myapp.consumers.configuration import ConfiguredChatConsumer
from myapp.consumers.context import ContextConsumer
from myapp.consumers.errors import CarefulConsumer
from myapp.consumers.groups import EchoingChatConsumer, GroupChatConsumer
from myapp.consumers.handling import HandlingConsumer
from myapp.consumers.minimal import MyConsumer
from myapp.consumers.post_authentication import StatusConsumer
from myapp.consumers.sending import SendingConsumer

router = URLRouter(
    [
        path("minimal/", MyConsumer.as_asgi()),
        path("secure/<int:pk>/", SecureRoomConsumer.as_asgi()),
        path("handling/", HandlingConsumer.as_asgi()),
        path("groups/", GroupChatConsumer.as_asgi()),
        path("groups/<str:room_id>/", GroupChatConsumer.as_asgi()),
        path("sending/", SendingConsumer.as_asgi()),
        path("configured/", ConfiguredChatConsumer.as_asgi()),
        path("context/<str:section>/", ContextConsumer.as_asgi()),
        path("status/", StatusConsumer.as_asgi()),
        path("careful/", CarefulConsumer.as_asgi()),
        # The path of the guide's test case.
        path("chat/<str:room_id>/", EchoingChatConsumer.as_asgi()),
    ]
)
