from chanx.testing import WebsocketTestCase
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from .messages import Comment, CommentMessage
from .models import Ticket


# region: case
class TicketTest(WebsocketTestCase):
    def setUp(self) -> None:
        alice, bob = (User.objects.create_user(name) for name in ("alice", "bob"))
        self.tokens = {user: Token.objects.create(user=user).key for user in (alice, bob)}
        self.alice, self.bob = alice, bob
        self.ticket = Ticket.objects.create(title="The printer is on fire")
        self.ticket.assignees.add(alice)
        self.ws_path = f"/ws/tickets/{self.ticket.pk}/"

    def get_headers(self, user: User) -> list[tuple[bytes, bytes]]:
        return [(b"authorization", f"Token {self.tokens[user]}".encode())]

    def get_ws_headers(self) -> list[tuple[bytes, bytes]]:
        return self.get_headers(self.alice)

    async def test_comment(self) -> None:
        client = self.create_communicator()
        await client.connect()
        await client.assert_authenticated_status_ok()

        await client.send_message(CommentMessage(payload=Comment(text="On my way")))

        [message] = await client.receive_all_json()
        self.assertEqual(message["action"], "commented")
        self.assertEqual(message["payload"]["author"], "alice")
        self.assertTrue(message["is_mine"])

    async def test_others_are_refused(self) -> None:
        client = self.create_communicator(headers=self.get_headers(self.bob))
        await client.connect()

        message = await client.wait_for_auth()

        assert message
        self.assertEqual(message.payload.status_code, 403)
        await client.assert_closed(4403)

    # endregion: case
    # region: group
    async def test_typing_is_seen_by_others_only(self) -> None:
        first, second = self.create_communicator(), self.create_communicator()
        for client in (first, second):
            await client.connect()
            await client.assert_authenticated_status_ok()

        await first.send_json_to({"action": "typing"})

        [seen] = await second.receive_all_json(wait_group=True)
        self.assertEqual(seen["payload"], "alice")
        self.assertEqual(await first.receive_all_json(), [])

    # endregion: group
    # region: revoke
    async def test_a_deleted_token_ends_the_connection(self) -> None:
        client = self.create_communicator()
        await client.connect()
        await client.assert_authenticated_status_ok()

        await Token.objects.filter(user=self.alice).adelete()

        message = await client.receive_json_from()
        self.assertEqual(message["payload"]["status_code"], 401)
        await client.assert_closed(4401)

    # endregion: revoke
