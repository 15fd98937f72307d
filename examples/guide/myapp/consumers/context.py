"""Section "Accessing User and Context"."""

from urllib.parse import parse_qs

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.incoming import IncomingMessage
from myapp.messages import MyMessage


class ContextConsumer(AsyncJsonWebsocketConsumer):
    """A class around the printed method."""

    INCOMING_MESSAGE_SCHEMA = IncomingMessage

    # --- as printed ---
    # fmt: off
    async def receive_message(self, message, **kwargs):
        # Access the authenticated user
        user = self.user

        # Access the Django request (from authentication)
        request = self.request

        # For consumers with object-level permissions, access the object
        obj = self.obj

        # Access the raw ASGI connection scope
        scope = self.scope

        # Access URL parameters
        url_params = self.scope["url_route"]["kwargs"]

        # Access query string parameters
        query_params = parse_qs(self.scope["query_string"].decode())
    # fmt: on
    # --- end ---
        # Beyond the page: what was accessed, for the one who asked.
        found = {
            "user": user.get_username(),
            "method": request.method,
            "obj": obj,
            "path": scope["path"],
            "url_params": url_params,
            "query_params": query_params,
        }
        await self.send_message(MyMessage(payload=found))
