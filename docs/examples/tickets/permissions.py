from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from .models import Ticket


class IsAssignee(BasePermission):
    message = "You do not work on this ticket."

    def has_object_permission(self, request: Request, view: APIView, obj: Ticket) -> bool:
        return request.user in obj.assignees.all()
