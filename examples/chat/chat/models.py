"""Rooms, their members, and what was said in them."""

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.urls import reverse

MAX_TEXT_LENGTH = 2000


class Room(models.Model):
    name = models.CharField(max_length=80)
    slug = models.SlugField(unique=True)
    topic = models.CharField(max_length=200, blank=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="rooms", blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("room", args=[self.slug])

    @property
    def socket_path(self) -> str:
        """Where RoomConsumer listens; Django's reverse() does not know the routes of sockets."""
        return f"/ws/rooms/{self.slug}/"

    @property
    def group_name(self) -> str:
        """By key and not by slug, so that renaming a room splits nobody off."""
        return f"room_{self.pk}"

    def has_member(self, user: AbstractBaseUser | AnonymousUser) -> bool:
        return user.is_authenticated and self.members.filter(pk=user.pk).exists()


class Message(models.Model):
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="messages")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_messages"
    )
    text = models.TextField(max_length=MAX_TEXT_LENGTH)
    sent_at = models.DateTimeField(auto_now_add=True)
    client_id = models.CharField(max_length=36, null=True, default=None, editable=False)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["room", "id"], name="chat_message_room_id")]
        constraints = [
            # A client that lost its connection sends again what it has no answer to.
            models.UniqueConstraint(
                fields=["room", "author", "client_id"], name="chat_message_sent_once"
            ),
        ]

    def __str__(self) -> str:
        return self.text[:50]
