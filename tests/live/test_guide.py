"""The guide's consumers, with real clients on real servers."""

import contextlib
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed

from tests.live.clients import Client, connect
from tests.live.conftest import Guide


@pytest.fixture(scope="module", autouse=True)
def _no_traceback(guide: Guide) -> Iterator[None]:
    """Nothing that happens here may leave a traceback in the server's output."""
    yield
    guide.server.stop()
    guide.server.check_tracebacks()


def cookie(guide: Guide) -> dict[str, str]:
    return {"Cookie": f"sessionid={guide.session}"}


async def test_minimal_consumer_answers_ping(guide: Guide) -> None:
    async with connect(guide.server, "/ws/minimal/") as client:
        assert await client.ask("ping") == {"action": "pong", "payload": None}


@pytest.mark.parametrize("credential", ["session", "token"])
async def test_secure_consumer_lets_users_in(guide: Guide, credential: str) -> None:
    token = {"Authorization": f"Token {guide.token}"}
    headers = cookie(guide) if credential == "session" else token
    async with connect(guide.server, f"/ws/secure/{guide.room}/", headers) as client:
        expected = {"action": "mine", "payload": {"user": "ada", "room": "library"}}
        assert await client.receive() == expected
        assert await client.ask("ping") == {"action": "pong", "payload": None}


@pytest.mark.parametrize(
    ("headers", "room", "status", "text", "detail"),
    [
        # 403: the first authentication class is SessionAuthentication, which has no challenge.
        ({}, 1, 403, "Forbidden", "Authentication credentials were not provided."),
        ({"Authorization": "Token wrong"}, 1, 403, "Forbidden", "Invalid token."),
        (None, 4711, 404, "Not Found", "No Room matches the given query."),
    ],
    ids=["anonymous", "wrong token", "no such room"],
)
async def test_secure_consumer_keeps_others_out(
    guide: Guide,
    headers: dict[str, str] | None,
    room: int,
    status: int,
    text: str,
    detail: str,
) -> None:
    headers = cookie(guide) if headers is None else headers
    client = await Client.open(guide.server, f"/ws/secure/{room}/", headers)
    with contextlib.suppress(ConnectionClosed):
        # Sent before the answer is read, and never handled.
        await client.send("ping")
    messages, code = await client.receive_until_closed()
    payload = {"status_code": status, "status_text": text, "data": {"detail": detail}}
    assert messages == [{"action": "authentication", "payload": payload}]
    assert code == 4000 + status


async def test_message_handling_answers(guide: Guide) -> None:
    async with connect(guide.server, "/ws/handling/") as client:
        expected = {"action": "chat_response", "payload": "Received: Hello"}
        assert await client.ask("chat", "Hello") == expected


@pytest.mark.parametrize("path", ["/ws/groups/", "/ws/groups/room1/"])
async def test_chat_consumer_sends_to_the_others_in_the_room(guide: Guide, path: str) -> None:
    async with (
        connect(guide.server, path) as sender,
        connect(guide.server, path) as other,
        connect(guide.server, "/ws/groups/elsewhere/") as outsider,
    ):
        await sender.send("chat", "Hello")
        expected = {"action": "chat", "payload": "Hello", "is_mine": False, "is_current": False}
        assert await other.receive() == expected
        # Neither the sender nor the outsider got it: this comes first.
        await other.send("chat", "Good-bye")
        assert (await sender.receive())["payload"] == "Good-bye"
        async with connect(guide.server, "/ws/groups/elsewhere/") as insider:
            await insider.send("chat", "Here")
            assert (await outsider.receive())["payload"] == "Here"


async def test_flags_tell_the_users_own_messages(guide: Guide) -> None:
    path = "/ws/groups/room1/"
    async with (
        connect(guide.server, path, cookie(guide)) as sender,
        connect(guide.server, path, cookie(guide)) as own,
        connect(guide.server, path) as anonymous,
    ):
        await sender.send("chat", "Hello")
        chat = {"action": "chat", "payload": "Hello"}
        assert await own.receive() == {**chat, "is_mine": True, "is_current": False}
        assert await anonymous.receive() == {**chat, "is_mine": False, "is_current": False}


async def test_sending_messages(guide: Guide) -> None:
    async with (
        connect(guide.server, "/ws/sending/") as sender,
        connect(guide.server, "/ws/sending/") as other,
    ):
        await sender.send("chat", "go")
        group = {"action": "group", "payload": None, "is_mine": False}
        # Itself, and from the second group, in which both are.
        assert await sender.receive() == {"action": "mine", "payload": None}
        assert await sender.receive() == {**group, "is_current": True}
        for _ in range(2):
            assert await other.receive() == {**group, "is_current": False}


async def test_configured_consumer(guide: Guide) -> None:
    complete = {"action": "complete", "payload": None}
    async with connect(guide.server, "/ws/configured/", cookie(guide)) as client:
        await client.send("ping")
        assert await client.receive_many(2) == [{"action": "pong", "payload": None}, complete]
        await client.send("chat", "Hello")
        messages = await client.receive_many(3)
        assert {message["action"] for message in messages} == {
            "group",
            "group_complete",
            "complete",
        }
        [group] = [message for message in messages if message["action"] == "group"]
        expected = {"action": "group", "payload": "Hello", "is_mine": True, "is_current": True}
        assert group == expected


async def test_context_of_a_connection(guide: Guide) -> None:
    path = "/ws/context/library/"
    async with connect(guide.server, f"{path}?page=2&page=3", cookie(guide)) as client:
        message = await client.ask("ping")
        assert message["payload"] == {
            "user": "ada",
            "method": "GET",
            "obj": None,
            "path": path,
            "url_params": {"section": "library"},
            "query_params": {"page": ["2", "3"]},
        }


async def test_post_authentication_writes_to_the_database(guide: Guide) -> None:
    async with connect(guide.server, "/ws/status/", cookie(guide)) as client:
        assert await client.ask("ping") == {"action": "mine", "payload": "online"}


async def test_custom_errors(guide: Guide) -> None:
    async with connect(guide.server, "/ws/careful/") as client:
        assert await client.ask("chat", "5") == {"action": "success", "payload": 20}
        message = await client.ask("chat", "five")
        detail = "invalid literal for int() with base 10: 'five'"
        assert message == {"action": "error", "payload": {"detail": detail}}


async def test_room_of_the_test_case(guide: Guide) -> None:
    async with connect(guide.server, "/ws/chat/room1/") as client:
        assert await client.ask("chat", "Hello") == {"action": "chat", "payload": "Hello"}
