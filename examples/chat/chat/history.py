"""Reading back what was said, in pages."""

from django.db.models import QuerySet
from pydantic import BaseModel

from .messages import MessagePayload
from .models import Message, Room

PAGE_SIZE = 50
CATCH_UP_SIZE = 200


class HistoryPage(BaseModel):
    messages: list[MessagePayload]  # oldest first
    more: bool  # whether there is more of it, in the direction that was asked for


def get_messages(room: Room) -> QuerySet[Message]:
    return Message.objects.filter(room=room).select_related("author")


def get_latest(room: Room, before: int | None = None) -> HistoryPage:
    """Get the last messages of a room, or the last ones before a message."""
    messages = get_messages(room).order_by("-id")
    if before is not None:
        messages = messages.filter(id__lt=before)
    rows = list(messages[: PAGE_SIZE + 1])
    page = [MessagePayload.from_model(row) for row in reversed(rows[:PAGE_SIZE])]
    return HistoryPage(messages=page, more=len(rows) > PAGE_SIZE)


def get_since(room: Room, after: int) -> HistoryPage:
    """Get what was said after a message: what a client missed while it was away."""
    messages = get_messages(room).order_by("id").filter(id__gt=after)
    rows = list(messages[: CATCH_UP_SIZE + 1])
    page = [MessagePayload.from_model(row) for row in rows[:CATCH_UP_SIZE]]
    return HistoryPage(messages=page, more=len(rows) > CATCH_UP_SIZE)
