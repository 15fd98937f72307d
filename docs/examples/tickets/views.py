from rest_framework.generics import RetrieveUpdateDestroyAPIView
from rest_framework.serializers import BaseSerializer, ModelSerializer

from .events import publish
from .messages import RenamedMessage
from .models import Ticket
from .permissions import IsAssignee


class TicketSerializer(ModelSerializer[Ticket]):
    class Meta:
        model = Ticket
        fields = ["title"]


# region: message
class TicketView(RetrieveUpdateDestroyAPIView[Ticket]):
    queryset = Ticket.objects.all()
    serializer_class = TicketSerializer
    permission_classes = [IsAssignee]

    def perform_update(self, serializer: BaseSerializer[Ticket]) -> None:
        ticket = serializer.save()
        message = RenamedMessage(payload=ticket.title)
        publish(
            ticket.group_name,
            {"type": "send_group_member", "content": message.model_dump(mode="json")},
        )

    # endregion: message
    # region: event
    def perform_destroy(self, instance: Ticket) -> None:
        group = instance.group_name
        instance.delete()
        publish(group, {"type": "ticket.deleted", "by": self.request.user.get_username()})

    # endregion: event
