from typing import Any

from chanx.testing import WebsocketTestCase
from django.contrib.auth.models import User

from .consumers import SayMessage


class LobbyTest(WebsocketTestCase):
    ws_path = "/ws/lobby/"

    def setUp(self) -> None:
        self.client.force_login(User.objects.create_user("alice"))

    def get_ws_headers(self) -> list[tuple[bytes, bytes]]:
        session = self.client.cookies["sessionid"].value
        return [(b"cookie", f"sessionid={session}".encode())]

    async def test_everybody_hears_what_is_said(self) -> None:
        await self.auth_communicator.connect()
        await self.auth_communicator.assert_authenticated_status_ok()

        await self.auth_communicator.send_message(SayMessage(payload="Hello"))

        messages: list[Any] = await self.auth_communicator.receive_all_json()
        self.assertEqual(messages[0]["payload"], {"author": "alice", "text": "Hello"})
