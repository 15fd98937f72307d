from typing import TYPE_CHECKING

from django.contrib import admin

from .models import Message, Room

if TYPE_CHECKING:  # the class takes a parameter in the type stubs only
    RoomModelAdmin = admin.ModelAdmin[Room]
    MessageModelAdmin = admin.ModelAdmin[Message]
else:
    RoomModelAdmin = MessageModelAdmin = admin.ModelAdmin


@admin.register(Room)
class RoomAdmin(RoomModelAdmin):
    list_display = ["name", "slug", "topic"]
    filter_horizontal = ["members"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Message)
class MessageAdmin(MessageModelAdmin):
    list_display = ["sent_at", "room", "author", "text"]
    list_filter = ["room"]
    list_select_related = ["room", "author"]
    raw_id_fields = ["room", "author"]
