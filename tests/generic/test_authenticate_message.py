"""Tokens in messages: the first one of a connection, and fresh ones for those that expire."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pytest
from django.contrib.auth.models import AnonymousUser, User
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request

from chanx.engine.stats import counters
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.messages.incoming import AuthenticateMessage, AuthenticatePayload
from chanx.testing import WebsocketCommunicator
from chanx.utils.settings import override_chanx_settings
from tests.app.consumers import OpenConsumer, override
from tests.clock import Clock
from tests.conftest import Connect, Vary

PING = {"action": "ping"}
PONG = {"action": "pong", "payload": None}
NOT_YET = {"action": "error", "payload": {"detail": "Authenticate first"}}
REFUSAL = {
    "action": "authentication",
    "payload": {
        "status_code": 401,
        "status_text": "Unauthorized",
        "data": {"detail": "Incorrect authentication credentials."},
    },
}
OK = {
    "action": "authentication",
    "payload": {"status_code": 200, "status_text": "OK", "data": {"detail": "OK"}},
}

rights = {"ann": "member", "bob": "member", "cid": "member"}


class LetterAuthentication(BaseAuthentication):
    """Tokens are a name and something behind it: ``ann-1``."""

    keyword = "Token"

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        """Return the user of the token."""
        words = get_authorization_header(request).decode().split()
        if not words:
            return None
        name, _, rest = words[-1].partition("-")
        if rest == "broken":
            raise RuntimeError("the database is down")
        if name not in rights or not rest:
            raise AuthenticationFailed
        return User(pk=sorted(rights).index(name) + 1, username=name), words[-1]

    def authenticate_header(self, request: Request) -> str:
        """Make refusals a 401."""
        return "Token"


class IsMember(BasePermission):
    """Asks what the user is now."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Look into the table."""
        user: Any = request.user
        if rights.get(user.username) == "gone":
            raise PermissionDenied("No member any more")
        return bool(user.is_authenticated)


class TokenConsumer(OpenConsumer):
    """Takes tokens with the handshake."""

    authentication_classes: Sequence[Any] | None = (LetterAuthentication,)
    permission_classes: Sequence[Any] | None = (IsMember,)

    async def do_whoami(self) -> None:
        """Tell."""
        await self.send_json({"action": "you", "user": str(self.user), "token": self.request.auth})


class FirstConsumer(TokenConsumer):
    """Takes them in the first message too."""

    token_transports = ("header", "subprotocol", "message", "query")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    counters.reset()
    yield
    rights.update(ann="member", bob="member", cid="member")
    counters.reset()


def authenticate(token: Any, **more: Any) -> dict[str, Any]:
    return {"action": "authenticate", "payload": {"token": token, **more}}


def header(token: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"Token {token}".encode())]


async def whoami(client: WebsocketCommunicator) -> tuple[str, str]:
    await client.send_json_to({"action": "do", "payload": "whoami"})
    reply = (await client.receive_all_json())[-1]
    return reply["user"], reply["token"]


async def open_waiting(application: Any, **kwargs: Any) -> WebsocketCommunicator:
    client = WebsocketCommunicator(application, "/ws/", **kwargs)
    assert (await client.connect())[0]
    return client


def find(logs: list[Any], event: str) -> list[Any]:
    return [line for line in logs if line["event"] == event]


# --- the first message ----------------------------------------------------------------------------


async def test_token_in_the_first_message(vary: Vary) -> None:
    client = await open_waiting(vary(FirstConsumer))
    await client.send_message(AuthenticateMessage(payload=AuthenticatePayload(token="ann-1")))
    message = await client.wait_for_auth()
    assert message is not None
    assert message.payload.status_code == 200
    assert await whoami(client) == ("ann", "ann-1")
    await client.disconnect()


async def test_test_client_asserts_the_status_after_a_first_message() -> None:
    client = await open_waiting(FirstConsumer.as_asgi())
    await client.send_json_to(authenticate("ann-1"))
    await client.assert_authenticated_status_ok()
    await client.disconnect()


@override_chanx_settings(MESSAGE_ACTION_KEY="kind", CAMELIZE=True, SEND_COMPLETION=True)
async def test_first_message_is_spelled_as_the_settings_say() -> None:
    client = await open_waiting(FirstConsumer.as_asgi())
    await client.send_json_to({"kind": "authenticate", "payload": {"token": "ann-1"}})
    assert (await client.receive_json_from())["payload"]["statusCode"] == 200
    assert await client.receive_json_from() == {"kind": "complete", "payload": None}
    await client.disconnect()


async def test_nothing_of_the_consumer_runs_before_the_token(logs: list[Any]) -> None:
    seen: list[str] = []

    class Consumer(FirstConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            seen.append(message.action)
            await super().receive_message(message, **kwargs)

        async def build_groups(self) -> list[str]:
            seen.append(f"groups of {self.user}")
            return ["room"]

        async def post_authentication(self) -> None:
            seen.append(f"post {self.user}")

    client = await open_waiting(Consumer.as_asgi())
    # All at once: what comes after the token is handled after it.
    await client.send_json_to(PING)
    await client.send_json_to(authenticate("ann-1"))
    await client.send_json_to(PING)
    assert await client.receive_json_from() == NOT_YET
    assert await client.receive_json_from() == OK
    assert await client.receive_json_from() == PONG
    assert seen == ["groups of ann", "post ann", "ping"]
    assert counters.messages_in == {"invalid": 1, "handled": 2}
    await client.disconnect()


@pytest.mark.parametrize("text", ["", "{", "[]", "nothing", '{"action": "pong"}', '{"action": 1}'])
async def test_other_frames_before_the_token(text: str) -> None:
    client = await open_waiting(FirstConsumer.as_asgi())
    await client.send_to(text_data=text)
    assert await client.receive_json_from() == NOT_YET
    await client.send_to(bytes_data=b"binary")
    assert await client.receive_json_from() == NOT_YET
    await client.send_json_to(authenticate("ann-1"))
    assert await client.receive_json_from() == OK
    await client.disconnect()


@pytest.mark.parametrize("payload", [None, {}, {"token": 5}, {"token": "ann-1", "extra": 1}])
async def test_malformed_authenticate_message_says_what_is_wrong(payload: Any) -> None:
    client = await open_waiting(FirstConsumer.as_asgi())
    await client.send_json_to({"action": "authenticate", "payload": payload})
    reply = await client.receive_json_from()
    assert reply["action"] == "error"
    assert reply["payload"][0]["loc"][:3] == ["message", "authenticate", "payload"]
    assert "ann-1" not in str(reply)
    await client.disconnect()


async def test_invalid_frames_before_the_token_are_bounded() -> None:
    class Consumer(FirstConsumer):
        max_invalid_messages = 2

    client = await open_waiting(Consumer.as_asgi())
    for _ in range(3):
        await client.send_json_to(PING)
    await client.assert_closed(4400)
    await client.disconnect()


async def test_wrong_token_in_the_first_message(vary: Vary, logs: list[Any]) -> None:
    client = await open_waiting(vary(FirstConsumer))
    await client.send_json_to(authenticate("eve-secret"))
    await client.send_json_to(authenticate("ann-1"))
    message = await client.receive_json_from()
    assert message["payload"]["status_code"] == 401
    await client.assert_closed(4401)
    await client.disconnect()
    assert counters.refused == {"authentication": 1}
    (line,) = find(logs, "Refused a connection")
    assert (line["reason"], line["status"]) == ("authentication", 401)
    assert "secret" not in str(logs)


async def test_permission_refuses_the_user_of_the_first_message() -> None:
    rights["ann"] = "gone"
    client = await open_waiting(FirstConsumer.as_asgi())
    await client.send_json_to(authenticate("ann-1"))
    message = await client.receive_json_from()
    assert message["payload"]["data"] == {"detail": "No member any more"}
    await client.assert_closed(4403)
    await client.disconnect()


async def test_failure_in_the_first_message(logs: list[Any]) -> None:
    client = await open_waiting(FirstConsumer.as_asgi())
    await client.send_json_to(authenticate("ann-broken"))
    message = await client.receive_json_from()
    assert message["payload"]["status_code"] == 500
    assert message["payload"]["data"] == {"detail": "Internal server error"}
    await client.assert_closed(4500)
    await client.disconnect()
    assert len(find(logs, "Authentication failed with unexpected error")) == 1


async def test_failure_of_the_consumer_after_the_first_message() -> None:
    class Consumer(FirstConsumer):
        async def post_authentication(self) -> None:
            raise RuntimeError

    client = await open_waiting(Consumer.as_asgi())
    await client.send_json_to(authenticate("ann-1"))
    await client.assert_closed(4500)
    await client.disconnect()


async def test_no_token_in_time(logs: list[Any]) -> None:
    class Consumer(FirstConsumer):
        authentication_timeout = 0.01

    client = await open_waiting(Consumer.as_asgi())
    message = await client.wait_for_auth()
    assert message is not None
    assert (message.payload.status_code, message.payload.status_text) == (408, "Request Timeout")
    await client.assert_closed(4408)
    await client.disconnect()
    (line,) = find(logs, "Refused a connection")
    assert (line["status"], line["setting"]) == (408, "AUTHENTICATION_TIMEOUT")
    assert line["path"] == "/ws/"
    assert counters.refused == {"authentication": 1}


async def test_slow_authentication_is_not_held_against_the_client(clock: Clock) -> None:
    may_go_on, begun = asyncio.Event(), asyncio.Event()

    class Consumer(FirstConsumer):
        authentication_timeout = 5

        async def build_groups(self) -> list[str]:
            begun.set()
            await may_go_on.wait()
            return []

    client = await open_waiting(Consumer.as_asgi())
    await client.send_json_to(authenticate("ann-1"))
    await begun.wait()
    clock.advance(10)
    for _ in range(3):  # turns in which a timer would come
        await asyncio.sleep(0)
    may_go_on.set()
    await client.assert_authenticated_status_ok()
    await client.disconnect()


async def test_client_that_goes_leaves_no_timer() -> None:
    loop: Any = asyncio.get_running_loop()
    before = len([handle for handle in loop._scheduled if not handle.cancelled()])
    for _ in range(20):
        client = await open_waiting(FirstConsumer.as_asgi())
        await client.disconnect()
    after = len([handle for handle in loop._scheduled if not handle.cancelled()])
    assert after - before < 5


async def test_waiting_connection_has_no_task(leftover: Any) -> None:
    client = await open_waiting(FirstConsumer.as_asgi())
    await client.send_json_to(PING)
    assert await client.receive_json_from() == NOT_YET
    await asyncio.sleep(0)
    assert len(leftover()) == 1  # the server's
    await client.disconnect()


@pytest.mark.parametrize(
    "kwargs",
    [{"headers": header("eve-1")}, {"subprotocols": ["chanx", "chanx.bearer.ZXZlLTE"]}],
    ids=["header", "subprotocol"],
)
async def test_wrong_token_in_the_handshake_gets_no_second_chance(kwargs: Any) -> None:
    client = await open_waiting(FirstConsumer.as_asgi(), **kwargs)
    await client.assert_closed(4401)
    await client.disconnect()


async def test_right_token_in_the_handshake_needs_no_message() -> None:
    client = await open_waiting(FirstConsumer.as_asgi(), headers=header("ann-1"))
    await client.assert_authenticated_status_ok()
    await client.disconnect()


async def test_who_is_welcome_without_a_token_is_not_kept_waiting(connect: Connect) -> None:
    class Consumer(FirstConsumer):
        permission_classes = (AllowAny,)

        async def do_anonymous(self) -> None:
            await self.send_json({"anonymous": isinstance(self.user, AnonymousUser)})

    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "do", "payload": "anonymous"})
    assert await client.receive_all_json() == [{"anonymous": True}]
    # Nobody does not become somebody.
    await client.send_json_to(authenticate("ann-1"))
    assert await client.receive_all_json() == [REFUSAL]


async def test_consumer_without_the_transport_refuses_at_once() -> None:
    client = await open_waiting(TokenConsumer.as_asgi())
    await client.assert_closed(4401)
    await client.disconnect()


# --- renewal --------------------------------------------------------------------------------------


async def test_fresh_token_of_the_same_user(vary: Vary, connect: Connect) -> None:
    client = await connect(vary(TokenConsumer), headers=header("ann-1"))
    await client.send_json_to(authenticate("ann-2"))
    assert await client.receive_all_json() == [OK]
    assert await whoami(client) == ("ann", "ann-2")
    assert counters.messages_in == {"handled": 2}


async def test_identity_is_kept_by_its_newest_authenticator(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chanx.generic.driver import Driver

    kept: list[Any] = []
    monkeypatch.setattr(
        Driver, "keep_identity", lambda _, found, begun: kept.append(found.request.auth)
    )
    client = await connect(TokenConsumer.as_asgi(), headers=header("ann-1"))
    await client.send_json_to(authenticate("bob-1"))
    await client.send_json_to(authenticate("ann-2"))
    await client.receive_all_json()
    assert kept == ["ann-1", "ann-2"]


@pytest.mark.parametrize("token", ["bob-1", "eve-1", "ann", "", "x" * 9000, "a\nb", "é", "\ud800"])
async def test_other_tokens_are_refused_in_one_and_the_same_way(
    token: str, connect: Connect, logs: list[Any]
) -> None:
    client = await connect(TokenConsumer.as_asgi(), headers=header("ann-1"))
    await client.send_json_to(authenticate(token))
    replies = await client.receive_all_json()
    if token != "\ud800":  # no JSON
        assert replies == [REFUSAL]
    assert await whoami(client) == ("ann", "ann-1")
    assert counters.messages_in == {"invalid": 1, "handled": 1}
    assert not [line for line in logs if line["log_level"] == "error"]


async def test_tokens_cannot_be_tried_for_ever(connect: Connect) -> None:
    class Consumer(TokenConsumer):
        max_invalid_messages = 3

    client = await connect(Consumer.as_asgi(), headers=header("ann-1"))
    for number in range(4):
        await client.send_json_to(authenticate(f"eve-{number}"))
    await client.assert_closed(4400)


@override_chanx_settings(MESSAGE_RATE=0.001, MESSAGE_BURST=1)
async def test_renewal_is_under_the_message_rate(connect: Connect) -> None:
    client = await connect(TokenConsumer.as_asgi(), headers=header("ann-1"))
    await client.send_json_to(authenticate("ann-2"))
    await client.send_json_to(authenticate("ann-3"))
    first, second = await client.receive_all_json()
    assert first == OK
    assert second["payload"]["detail"] == "Too many messages"


async def test_right_token_whose_user_may_no_longer_be_here(connect: Connect) -> None:
    client = await connect(TokenConsumer.as_asgi(), headers=header("ann-1"))
    rights["ann"] = "gone"
    await client.send_json_to(authenticate("ann-2"))
    message = await client.receive_json_from()
    assert message["payload"]["status_code"] == 403
    assert message["payload"]["data"] == {"detail": "No member any more"}
    await client.assert_closed(4403)


async def test_rights_of_other_users_are_not_told(connect: Connect) -> None:
    client = await connect(TokenConsumer.as_asgi(), headers=header("ann-1"))
    rights["bob"] = "gone"
    await client.send_json_to(authenticate("bob-1"))
    assert await client.receive_all_json() == [REFUSAL]


async def test_failure_in_a_renewal_leaves_the_identity(connect: Connect, logs: list[Any]) -> None:
    client = await connect(TokenConsumer.as_asgi(), headers=header("ann-1"))
    await client.send_json_to(authenticate("ann-broken"))
    (reply,) = await client.receive_all_json()
    assert reply == {"action": "error", "payload": {"detail": "Failed to process message"}}
    assert len([line for line in logs if line["log_level"] == "error"]) == 1
    assert await whoami(client) == ("ann", "ann-1")


async def test_consumer_without_transports_knows_no_such_message(connect: Connect) -> None:
    class Consumer(TokenConsumer):
        token_transports = ()
        permission_classes = (AllowAny,)

    client = await connect(Consumer.as_asgi())
    await client.send_json_to(authenticate("ann-1"))
    (reply,) = await client.receive_all_json()
    assert reply["payload"][0]["type"] == "union_tag_invalid"


async def test_consumer_may_have_an_authenticate_message_of_its_own(connect: Connect) -> None:
    class OwnMessage(BaseMessage):
        action: Literal["authenticate"] = "authenticate"
        payload: Any = None

    class OwnIncoming(BaseIncomingMessage):
        message: OwnMessage

    class Consumer(TokenConsumer):
        INCOMING_MESSAGE_SCHEMA = OwnIncoming

    client = await connect(Consumer.as_asgi(), headers=header("ann-1"))
    await client.send_json_to({"action": "authenticate", "payload": "mine"})
    assert await client.receive_all_json() == [{"action": "authenticate", "payload": "mine"}]


async def test_renewal_is_answered_where_no_authentication_message_is_sent(
    connect: Connect,
) -> None:
    class Consumer(TokenConsumer):
        send_authentication_message = False

    client = await connect(Consumer.as_asgi(), headers=header("ann-1"))
    await client.send_json_to(authenticate("ann-2"))
    assert await client.receive_all_json() == [OK]


async def test_renewal_with_completion_and_several_messages_at_once(connect: Connect) -> None:
    class Consumer(override(TokenConsumer, "all")):  # type: ignore[misc]  # made at run time
        send_completion = True
        concurrent_messages = 4
        permission_classes = (IsAuthenticated,)

    client = await connect(Consumer.as_asgi(), headers=header("ann-1"))
    await client.send_json_to(authenticate("ann-2"))
    assert await client.receive_json_from() == OK
    assert await client.receive_json_from() == {"action": "complete", "payload": None}
