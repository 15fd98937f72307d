"""Routes of the sockets, below ws/ (see chatsite/asgi.py)."""

from channels.routing import URLRouter

from chanx.routing import path

from .consumers import RoomConsumer

router = URLRouter(
    [
        path("rooms/<slug:slug>/", RoomConsumer.as_asgi()),
    ]
)
