import logging
from collections.abc import Iterable
from typing import Any

from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseMessage
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import ErrorMessage, PongMessage
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from .messages import (
    Commented,
    CommentedMessage,
    CommentMessage,
    DeletedMessage,
    TicketIncoming,
    TicketOutgoing,
    TypesMessage,
    TypingMessage,
)
from .models import Ticket
from .permissions import IsAssignee

logger = logging.getLogger(__name__)


# region: authentication
class TicketConsumer(AsyncJsonWebsocketConsumer[Ticket]):
    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated, IsAssignee]
    queryset = Ticket.objects.all()
    lookup_url_kwarg = "ticket_id"
    # endregion: authentication

    # region: schemas
    INCOMING_MESSAGE_SCHEMA = TicketIncoming
    OUTGOING_GROUP_MESSAGE_SCHEMA = TicketOutgoing
    # endregion: schemas

    # region: groups
    async def build_groups(self) -> Iterable[str]:
        return [self.obj.group_name]

    # endregion: groups
    # region: hook
    async def post_authentication(self) -> None:
        logger.info("Opened ticket %s", self.obj.pk)

    # endregion: hook
    # region: receive
    async def receive_message(self, message: BaseMessage, **kwargs: Any) -> None:
        match message:
            case CommentMessage(payload=comment):
                await self.comment(comment.text)
            case TypingMessage():
                await self.send_group_message(TypesMessage(payload=self.user.get_username()))
            case PingMessage():
                await self.send_message(PongMessage())

    # endregion: receive
    # region: send
    async def comment(self, text: str) -> None:
        if text.isupper():
            await self.send_message(ErrorMessage(payload={"detail": "Please do not shout."}))
            return
        author = self.user.get_username()
        comment = Commented(author=author, text=text, written_at=timezone.now())
        await self.send_group_message(CommentedMessage(payload=comment), exclude_current=False)

    # endregion: send
    # region: handler
    async def ticket_deleted(self, event: dict[str, Any]) -> None:
        await self.send_message(DeletedMessage(payload=event["by"]))
        await self.close(1000)

    # endregion: handler


# region: queryset
class OwnTicketConsumer(TicketConsumer):
    permission_classes = [IsAuthenticated]

    def get_queryset(self, request: Request) -> QuerySet[Ticket]:
        return Ticket.objects.filter(assignees=request.user)


# endregion: queryset
