from typing import Annotated, Any, Literal

from chanx.description import documented
from chanx.generic.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseMessage, BaseOutgoingMessage
from chanx.messages.incoming import IncomingMessage, PingMessage
from chanx.messages.outgoing import PongMessage
from pydantic import BaseModel, Field, ValidationError
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.permissions import IsAuthenticated

from .models import Ticket


# region: messages
class TicketSummary(BaseModel):
    """A ticket in one line."""

    number: Annotated[int, Field(description="Grows with each ticket.", examples=[17])]
    title: Annotated[str, Field(examples=["The printer is on fire"])]


class TicketMessage(BaseMessage):
    """A ticket that the desk has to look at."""

    action: Literal["ticket"] = "ticket"
    payload: TicketSummary


class DeskOutgoing(BaseOutgoingMessage):
    message: TicketMessage | PongMessage


# endregion: messages
# region: consumer
class DeskQuery(BaseModel):
    after: Annotated[int, Field(ge=0, description="Only tickets with a greater number.")] = 0


@documented(tags=["desk"], query=DeskQuery)
class DeskConsumer(AsyncJsonWebsocketConsumer):
    """The tickets that are open.

    They come one by one, as soon as the client is in, in the order of their numbers.
    """

    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    INCOMING_MESSAGE_SCHEMA = IncomingMessage
    OUTGOING_MESSAGE_SCHEMA = DeskOutgoing

    async def post_authentication(self) -> None:
        try:
            query = DeskQuery.model_validate(self.request.query_params.dict())
        except ValidationError:
            await self.close(4400)
            return
        async for ticket in Ticket.objects.filter(pk__gt=query.after).order_by("pk"):
            summary = TicketSummary(number=ticket.pk, title=ticket.title)
            await self.send_message(TicketMessage(payload=summary))

    async def receive_message(self, message: PingMessage, **kwargs: Any) -> None:
        await self.send_message(PongMessage())


# endregion: consumer
