"""Section "Authentication Configuration"."""

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.incoming import IncomingMessage
from chanx.messages.outgoing import PongMessage
from myapp.messages import MyMessage
from myapp.models import Room

# --- as printed ---
# fmt: off
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.permissions import IsAuthenticated

class SecureConsumer(AsyncJsonWebsocketConsumer):
    # Authentication classes determine how users are identified
    authentication_classes = [SessionAuthentication, TokenAuthentication]

    # Permission classes determine if authenticated users have access
    permission_classes = [IsAuthenticated]

    # For object-level permissions, provide a queryset
    queryset = Room.objects.all()

    # HTTP method to emulate for authentication
    auth_method = "get" # Default is "get"

    INCOMING_MESSAGE_SCHEMA = IncomingMessage
# fmt: on
# --- end ---


class SecureRoomConsumer(SecureConsumer):
    """The printed class with a handler; it says who has come to which room."""

    async def post_authentication(self) -> None:
        """Send the user's name and the room's."""
        payload = {"user": self.user.get_username(), "room": self.obj.name}
        await self.send_message(MyMessage(payload=payload))

    async def receive_message(self, message, **kwargs):
        """Answer a ping, the one message there is."""
        await self.send_message(PongMessage())
