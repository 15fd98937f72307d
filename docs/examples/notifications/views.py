from chanx import disconnect_user
from django.contrib.auth.models import User
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


# region: kick
class DisconnectView(APIView):
    permission_classes = [IsAdminUser]

    def post(self, request: Request, pk: int) -> Response:
        user = get_object_or_404(User, pk=pk)
        disconnect_user(user, code=4403, reason="Please call the office.")
        return Response(status=204)


# endregion: kick
