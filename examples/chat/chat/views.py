"""Pages, and the history as JSON."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from .history import get_latest, get_since
from .models import MAX_TEXT_LENGTH, Room
from .permissions import IsRoomMember


@login_required
def room_list(request: HttpRequest) -> HttpResponse:
    rooms = Room.objects.filter(members=request.user.pk).prefetch_related("members")
    return render(request, "chat/room_list.html", {"rooms": rooms})


@login_required
def room(request: HttpRequest, slug: str) -> HttpResponse:
    room = Room.objects.filter(slug=slug).first()
    if room is None:
        # Not Http404 and PermissionDenied, which show a technical page or log a traceback.
        return render(request, "404.html", status=404)
    if not room.has_member(request.user):
        return render(request, "403.html", {"exception": IsRoomMember.message}, status=403)
    context = {
        "room": room,
        "rooms": Room.objects.filter(members=request.user.pk),
        "history": get_latest(room).model_dump(mode="json"),
        "max_text_length": MAX_TEXT_LENGTH,
    }
    return render(request, "chat/room.html", context)


class RoomMessagesView(GenericAPIView[Room]):
    """Messages of a room: the last ones, those `?before=` an id, or those `?after=` one."""

    queryset = Room.objects.all()
    lookup_field = "slug"
    permission_classes = [IsAuthenticated, IsRoomMember]

    def get(self, request: Request, slug: str) -> Response:
        room = self.get_object()
        after = get_id(request, "after")
        if after is not None:
            page = get_since(room, after)
        else:
            page = get_latest(room, get_id(request, "before"))
        return Response(page.model_dump(mode="json"))


def get_id(request: Request, name: str) -> int | None:
    value = request.query_params.get(name)
    if value is None:
        return None
    # Ten digits and a bit: more than any table holds, and less than a database cannot read.
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise ValidationError({name: ["Not the id of a message."]})
    return int(value)
