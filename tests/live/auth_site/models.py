"""Users without a username, whose keys are no numbers, and rooms with members."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models

__all__ = ["Account", "AccountManager", "Room"]


class AccountManager(BaseUserManager["Account"]):
    """Makes accounts."""

    def create_user(self, email: str, password: str, **fields: Any) -> "Account":
        """Return a new account."""
        account = self.model(email=self.normalize_email(email), **fields)
        account.set_password(password)
        account.save(using=self._db)
        return account


# Pyright compares the Meta classes of the bases, of which Django makes one.
class Account(AbstractBaseUser, PermissionsMixin):  # pyright: ignore[reportIncompatibleVariableOverride]
    """A user, known by an address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    nickname = models.CharField(max_length=100, blank=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    objects: ClassVar[AccountManager] = AccountManager()

    def __str__(self) -> str:
        return self.email


class Room(models.Model):
    """Open to its members."""

    slug = models.SlugField(unique=True)
    is_public = models.BooleanField(default=False)
    objects: ClassVar["models.Manager[Room]"] = models.Manager()

    members = models.ManyToManyField(Account, related_name="rooms")

    def __str__(self) -> str:
        return self.slug
