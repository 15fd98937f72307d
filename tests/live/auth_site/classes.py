"""Authentication, permission and throttle classes, such as sites have."""

from typing import Any

from asgiref.sync import async_to_sync
from django.db import OperationalError
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle

from tests.live.auth_site.constants import HEADER
from tests.live.auth_site.models import Account

__all__ = [
    "AsyncEmailAuthentication",
    "EmailAuthentication",
    "HasNickname",
    "IsInRoom",
    "RoomIsPublic",
    "Switchable",
    "TwoPerMinute",
    "modes",
]

modes: dict[str, str] = {}
"""What ``Switchable`` does, by the address of the user."""


class EmailAuthentication(BaseAuthentication):
    """Believes a header. Names no challenge, so who is refused gets a 403."""

    def authenticate(self, request: Request) -> tuple[Account, None] | None:
        """Return the account that the header names."""
        email = request.headers.get(HEADER)
        if email is None:
            return None
        account = Account.objects.filter(email=email, is_active=True).first()
        if account is None:
            raise AuthenticationFailed("Nobody of that name")
        return account, None


class AsyncEmailAuthentication(EmailAuthentication):
    """Does the same on the event loop; other views may still call it without one."""

    async def aauthenticate(self, request: Request) -> tuple[Account, None] | None:
        """Return the account that the header names."""
        email = request.headers.get(HEADER)
        if email is None:
            return None
        account = await Account.objects.filter(email=email, is_active=True).afirst()
        if account is None:
            raise AuthenticationFailed("Nobody of that name")
        return account, None

    def authenticate(self, request: Request) -> tuple[Account, None] | None:
        """Ask the asynchronous method."""
        return async_to_sync(self.aauthenticate)(request)


class HasNickname(BasePermission):
    """Lets in who has a nickname."""

    message = "A nickname is needed"

    def has_permission(self, request: Request, view: Any) -> bool:
        """Look at the user."""
        return bool(getattr(request.user, "nickname", ""))


class IsInRoom(BasePermission):
    """Lets members into a room."""

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        """Ask the database."""
        return bool(obj.members.filter(pk=request.user.pk).exists())


class RoomIsPublic(BasePermission):
    """Lets everybody into a public room."""

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        """Look at the room."""
        return bool(obj.is_public)


class Switchable(BasePermission):
    """Says yes, or what ``modes`` has for the user."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Do what the mode says."""
        mode = modes.get(getattr(request.user, "email", ""), "allow")
        if mode == "database":
            raise OperationalError("secret of the database")
        if mode == "bug":
            raise RuntimeError("secret of the permission")
        return mode == "allow"


class TwoPerMinute(UserRateThrottle):
    """Two handshakes a minute for each user."""

    rate = "2/min"
    scope = "handshakes"
