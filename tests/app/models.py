"""A model to look up, with members for object permissions."""

from django.contrib.auth.models import User
from django.db import models


class Room(models.Model):
    """Something that a URL names."""

    slug = models.SlugField(unique=True)
    members: "models.ManyToManyField[User, models.Model]" = models.ManyToManyField(User)

    def __str__(self) -> str:
        return self.slug
