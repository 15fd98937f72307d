"""What the guide's consumers look up and record."""

from django.db import models


class Room(models.Model):
    """The object of `SecureConsumer`."""

    name = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class UserStatus(models.Model):
    """What `post_authentication` leaves behind."""

    username = models.CharField(max_length=150, unique=True)
    status = models.CharField(max_length=20)

    def __str__(self) -> str:
        return f"{self.username}: {self.status}"
