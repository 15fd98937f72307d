"""Who may use a room. One class guards the socket and the JSON endpoint alike."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from .models import Room


class IsRoomMember(BasePermission):
    message = "You are not a member of this room."

    def has_object_permission(self, request: Request, view: APIView, obj: Room) -> bool:
        return obj.has_member(request.user)
