"""Section "Post-Authentication Hook"."""

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.incoming import IncomingMessage
from myapp.messages import MyMessage
from myapp.models import UserStatus


class StatusConsumer(AsyncJsonWebsocketConsumer):
    """A class around the printed method."""

    INCOMING_MESSAGE_SCHEMA = IncomingMessage

    # --- as printed ---
    # fmt: off
    async def post_authentication(self):
        """Execute after successful authentication."""
        # Perform custom initialization
        self.user_status = "online"

        # Record connection in database
        await self.update_user_status()
    # fmt: on
    # --- end ---

    async def update_user_status(self) -> None:
        """Write the status down."""
        await UserStatus.objects.aupdate_or_create(
            username=self.user.get_username(), defaults={"status": self.user_status}
        )

    async def receive_message(self, message, **kwargs):
        """Send the status that was recorded."""
        row = await UserStatus.objects.aget(username=self.user.get_username())
        await self.send_message(MyMessage(payload=row.status))
