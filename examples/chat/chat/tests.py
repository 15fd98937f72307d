"""Run with: python manage.py test --buffer"""

from typing import Any

from django.contrib.auth.models import User
from django.test import TestCase
from rest_framework.authtoken.models import Token

from chanx.testing import WebsocketCommunicator, WebsocketTestCase

from .history import CATCH_UP_SIZE, PAGE_SIZE
from .messages import ChatMessage, ChatPayload, TypingMessage
from .models import MAX_TEXT_LENGTH, Message, Room

Headers = list[tuple[bytes, bytes]]


class RoomConsumerTest(WebsocketTestCase):
    ws_path = "/ws/rooms/kitchen/"

    def setUp(self) -> None:
        self.alice = User.objects.create_user("alice")
        self.bob = User.objects.create_user("bob")
        self.stranger = User.objects.create_user("stranger")
        self.room = Room.objects.create(name="Kitchen", slug="kitchen")
        self.room.members.set([self.alice, self.bob])
        self.tokens = {
            user: Token.objects.create(user=user).key
            for user in (self.alice, self.bob, self.stranger)
        }

    def get_ws_headers(self) -> Headers:
        return self.get_headers(self.alice)

    def get_headers(self, user: User) -> Headers:
        return [(b"authorization", f"Token {self.tokens[user]}".encode())]

    async def connect(self, user: User) -> WebsocketCommunicator:
        communicator = self.create_communicator(headers=self.get_headers(user))
        connected, _ = await communicator.connect()
        self.assertTrue(connected)
        await communicator.assert_authenticated_status_ok()
        return communicator

    async def assert_refused(self, communicator: WebsocketCommunicator, status: int) -> None:
        await communicator.connect()
        message = await communicator.wait_for_auth()
        assert message is not None
        self.assertEqual(message.payload.status_code, status)
        await communicator.assert_closed(4000 + status)

    async def test_everybody_in_the_room_hears_a_message(self) -> None:
        alice, other_tab, bob = [
            await self.connect(user) for user in (self.alice, self.alice, self.bob)
        ]
        await alice.send_message(ChatMessage(payload=ChatPayload(text="  Tea? ", client_id="1")))

        [echo] = await alice.receive_all_json()
        [copy] = await other_tab.receive_all_json()
        [heard] = await bob.receive_all_json()

        saved = await Message.objects.select_related("author").aget()
        self.assertEqual((saved.author, saved.text), (self.alice, "Tea?"))
        self.assertEqual(heard["action"], "chat")
        self.assertEqual(heard["payload"]["id"], saved.pk)
        self.assertEqual(heard["payload"]["author"], "alice")
        self.assertEqual(heard["payload"]["text"], "Tea?")
        self.assertEqual(echo["payload"]["client_id"], "1")
        self.assertEqual((echo["is_mine"], echo["is_current"]), (True, True))
        self.assertEqual((copy["is_mine"], copy["is_current"]), (True, False))
        self.assertEqual((heard["is_mine"], heard["is_current"]), (False, False))

    async def test_a_message_sent_again_is_saved_once(self) -> None:
        alice = await self.connect(self.alice)
        message = ChatMessage(payload=ChatPayload(text="Tea?", client_id="1"))
        await alice.send_message(message)
        await alice.send_message(message)

        first, second = await alice.receive_all_json()

        self.assertEqual(first, second)
        self.assertEqual(await Message.objects.acount(), 1)

    async def test_another_persons_client_id_may_be_the_same(self) -> None:
        for user in (self.alice, self.bob):
            communicator = await self.connect(user)
            payload = ChatPayload(text=f"{user} here", client_id="1")
            await communicator.send_message(ChatMessage(payload=payload))
            await communicator.receive_all_json()

        self.assertEqual(await Message.objects.acount(), 2)

    async def test_a_text_that_cannot_be_saved_is_told_to_the_sender_alone(self) -> None:
        alice, bob = await self.connect(self.alice), await self.connect(self.bob)
        for text, error_type in [
            (" \n ", "string_too_short"),
            ("x" * (MAX_TEXT_LENGTH + 1), "string_too_long"),
            ("nul \0", "string_pattern_mismatch"),
        ]:
            with self.subTest(error_type):
                # Not with send_message: ChatPayload would refuse it on this side.
                await alice.send_json_to({"action": "chat", "payload": {"text": text}})
                [message] = await alice.receive_all_json()
                self.assertEqual(message["action"], "error")
                [error] = message["payload"]
                self.assertEqual(error["type"], error_type)
                self.assertEqual(error["loc"][-1], "text")
        self.assertEqual(await bob.receive_all_json(), [])
        self.assertEqual(await Message.objects.acount(), 0)

    async def test_typing_is_told_to_the_others(self) -> None:
        alice, bob = await self.connect(self.alice), await self.connect(self.bob)
        await alice.send_message(TypingMessage())

        self.assertEqual(await alice.receive_all_json(), [])
        [message] = await bob.receive_all_json()
        self.assertEqual(message["action"], "typing")
        self.assertEqual(message["payload"], {"author": "alice"})

    async def test_a_stranger_is_refused(self) -> None:
        communicator = self.create_communicator(headers=self.get_headers(self.stranger))
        await self.assert_refused(communicator, 403)

    async def test_nobody_is_refused(self) -> None:
        await self.assert_refused(self.create_communicator(headers=[]), 401)

    async def test_a_room_that_is_not_there(self) -> None:
        await self.assert_refused(self.create_communicator(ws_path="/ws/rooms/attic/"), 404)

    async def test_a_browser_comes_with_its_session(self) -> None:
        await self.async_client.aforce_login(self.alice)
        cookie = f"sessionid={self.async_client.cookies['sessionid'].value}"
        communicator = self.create_communicator(headers=[(b"cookie", cookie.encode())])
        await communicator.connect()
        await communicator.assert_authenticated_status_ok()

    async def test_a_page_of_another_site_gets_no_socket(self) -> None:
        headers = [(b"origin", b"https://elsewhere.example"), *self.get_headers(self.alice)]
        connected, _ = await self.create_communicator(headers=headers).connect()
        self.assertFalse(connected)


class PagesTest(TestCase):
    def setUp(self) -> None:
        self.alice = User.objects.create_user("alice", password="secret")
        self.room = Room.objects.create(name="Kitchen", slug="kitchen")
        self.room.members.add(self.alice)
        Room.objects.create(name="Attic", slug="attic")

    def say(self, count: int) -> list[int]:
        messages = [
            Message.objects.create(room=self.room, author=self.alice, text=f"{number}")
            for number in range(count)
        ]
        return [message.pk for message in messages]

    def get_page(self, query: str = "") -> Any:
        return self.client.get(f"/rooms/kitchen/messages/{query}").json()

    def get_ids(self, page: Any) -> list[int]:
        return [message["id"] for message in page["messages"]]

    def test_pages_ask_for_a_login(self) -> None:
        for path in ("/", "/rooms/kitchen/"):
            self.assertRedirects(self.client.get(path), f"/login/?next={path}")
        self.assertEqual(self.client.get("/rooms/kitchen/messages/").status_code, 401)

    def test_only_the_rooms_of_a_member_are_shown(self) -> None:
        self.client.force_login(self.alice)
        self.assertContains(self.client.get("/"), "Kitchen")
        self.assertNotContains(self.client.get("/"), "Attic")
        self.assertContains(self.client.get("/rooms/kitchen/"), "/ws/rooms/kitchen/")
        self.assertContains(self.client.get("/rooms/attic/"), "not a member", status_code=403)
        self.assertContains(self.client.get("/rooms/cellar/"), "no such place", status_code=404)
        self.assertEqual(self.client.get("/rooms/attic/messages/").status_code, 403)

    def test_a_page_cannot_run_a_script_of_a_message(self) -> None:
        self.client.force_login(self.alice)
        script = "</script><script>alert(1)</script>"
        Message.objects.create(room=self.room, author=self.alice, text=script)
        response = self.client.get("/rooms/kitchen/")
        self.assertNotContains(response, script)
        self.assertIn("default-src 'self'", response.headers["Content-Security-Policy"])

    def test_history_goes_back_in_pages(self) -> None:
        self.client.force_login(self.alice)
        ids = self.say(PAGE_SIZE + 3)
        latest = self.get_page()
        self.assertEqual((self.get_ids(latest), latest["more"]), (ids[3:], True))
        earlier = self.get_page(f"?before={ids[3]}")
        self.assertEqual((self.get_ids(earlier), earlier["more"]), (ids[:3], False))

    def test_what_was_missed_comes_in_pages(self) -> None:
        self.client.force_login(self.alice)
        ids = self.say(CATCH_UP_SIZE + 3)
        first = self.get_page(f"?after={ids[0]}")
        self.assertEqual((self.get_ids(first), first["more"]), (ids[1:-2], True))
        second = self.get_page(f"?after={ids[-3]}")
        self.assertEqual((self.get_ids(second), second["more"]), (ids[-2:], False))

    def test_an_id_must_be_a_number(self) -> None:
        self.client.force_login(self.alice)
        for value in ("", "x", "-1", "9" * 30):
            response = self.client.get(f"/rooms/kitchen/messages/?after={value}")
            self.assertEqual(response.status_code, 400)

    def test_a_password_buys_a_token(self) -> None:
        data = {"username": "alice", "password": "secret"}
        token = self.client.post("/api/token/", data).json()["token"]
        response = self.client.get(
            "/rooms/kitchen/messages/", headers={"authorization": f"Token {token}"}
        )
        self.assertEqual(response.status_code, 200)
