"""Whether those who are in may stay: re-checks, events, tokens that expire, and being shown out."""

import asyncio
import threading
import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError, transaction
from django.test import AsyncClient
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.permissions import AllowAny, IsAuthenticated

from chanx.engine.stats import counters
from chanx.generic import identities as identities_module
from chanx.generic import identity as identity_module
from chanx.generic import recheck as recheck_module
from chanx.generic.authenticator import AuthenticationResult, ChanxWebsocketAuthenticator
from chanx.generic.identities import get_identities
from chanx.integrations.announce import (
    EVERYBODY,
    announce,
    get_session_subject,
    get_user_subject,
)
from chanx.integrations.control import act_here, on_joined
from chanx.log import RepeatLimit
from chanx.messages.incoming import PingMessage
from chanx.testing import WebsocketCommunicator
from tests.app.consumers import OpenConsumer, RoomConsumer
from tests.conftest import Connect
from tests.patience import PATIENCE

ANN = User(pk=7, username="ann")
REFUSED = AuthenticationResult(False, 403, "Forbidden", {"detail": "Not any more"})
PASSED = AuthenticationResult(True, 200, "OK", {"detail": "OK"}, user=ANN)


class Desk:
    """Says who may be in, and remembers who asked."""

    def __init__(self) -> None:
        self.first = PASSED
        self.answer: AuthenticationResult | BaseException = PASSED
        self.asked: list[bool] = []
        """For each question whether the session counted as ended."""
        self.expires_at: float | None = None
        self.needs_rechecks = True
        self.gate: asyncio.Event | None = None
        self.running = self.most = 0
        self.changed = asyncio.Event()

    async def wait_asked(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.asked) < count:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def desk() -> Desk:
    """The desk of this test; nothing of other tests is counted."""
    counters.rechecks.clear()
    return Desk()


def make(desk: Desk, base: Any = OpenConsumer, **attributes: Any) -> Any:
    """Return the class of a consumer whose authenticator asks the desk."""

    class Authenticator(ChanxWebsocketAuthenticator):
        def __init__(self) -> None:
            self.expires_at = desk.expires_at
            self.needs_rechecks = desk.needs_rechecks

        async def authenticate(self, scope: Any) -> AuthenticationResult:
            return desk.first

        async def recheck(
            self, scope: Any, *, without_session: bool = False
        ) -> AuthenticationResult:
            answer = desk.answer
            desk.asked.append(without_session)
            desk.changed.set()
            desk.running += 1
            desk.most = max(desk.most, desk.running)
            try:
                if desk.gate:
                    await desk.gate.wait()
            finally:
                desk.running -= 1
            if isinstance(answer, BaseException):
                raise answer
            return answer

    defaults = {"authenticator_class": Authenticator, "recheck_interval": None}
    return type("Consumer", (base,), {**defaults, **attributes})


async def receive_end(client: WebsocketCommunicator) -> tuple[Any, int]:
    """Return the payload of the last message and the code of the close that follows it."""
    message = await client.receive_json_from()
    assert message["action"] == "authentication"
    event = await client.receive_output()
    assert event["type"] == "websocket.close"
    return message["payload"], event["code"]


def select(logs: list[Any], event: str) -> list[Any]:
    return [line for line in logs if line["event"] == event]


# --- asking in an interval ------------------------------------------------------------------------


async def test_who_may_not_stay_is_told_and_closed(desk: Desk, connect: Connect) -> None:
    desk.answer = REFUSED
    client = await connect(make(desk, recheck_interval=0.01).as_asgi())
    payload, code = await receive_end(client)
    assert payload == {
        "status_code": 403,
        "status_text": "Forbidden",
        "data": {"detail": "Not any more"},
    }
    assert code == 4403
    assert counters.rechecks == {"refused": 1}
    assert len(get_identities()) == 0


async def test_who_may_stay_is_asked_again_and_again(desk: Desk, connect: Connect) -> None:
    client = await connect(make(desk, recheck_interval=0.01).as_asgi())
    await desk.wait_asked(3)
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"
    assert counters.rechecks["passed"] >= 2
    await client.disconnect()
    count = len(desk.asked)
    assert len(get_identities()) == len(get_identities().rechecker) == 0
    await asyncio.sleep(0)
    assert len(desk.asked) == count


async def test_message_is_left_out_if_the_consumer_sends_none(desk: Desk, connect: Connect) -> None:
    desk.answer = REFUSED
    consumer = make(desk, recheck_interval=0.01, send_authentication_message=False)
    client = await connect(consumer.as_asgi())
    event = await client.receive_output()
    assert (event["type"], event["code"]) == ("websocket.close", 4403)


async def test_consumer_gets_the_user_and_the_object_as_they_are_now(
    desk: Desk, connect: Connect
) -> None:
    consumers = []

    class Consumer(make(desk, recheck_interval=0.01)):  # type: ignore[misc]  # made by a function
        async def post_authentication(self) -> None:
            consumers.append(self)
            self.obj = "my own"

    newer = User(pk=7, username="ann", is_staff=True)
    desk.answer = AuthenticationResult(True, 200, "OK", user=newer, obj="newer")
    await connect(Consumer.as_asgi())
    await desk.wait_asked(2)
    assert consumers[0].user is newer
    assert consumers[0].obj == "my own"  # which nobody takes away


async def test_another_user_than_before_is_refused(desk: Desk, connect: Connect) -> None:
    for user in (User(pk=8, username="bob"), AnonymousUser(), None):
        desk.answer = AuthenticationResult(True, 200, "OK", user=user)
        client = await connect(make(desk, recheck_interval=0.01).as_asgi())
        payload, code = await receive_end(client)
        assert (payload["status_code"], code) == (401, 4401)


async def test_anonymous_may_stay_anonymous_and_become_nobody_else(
    desk: Desk, connect: Connect
) -> None:
    nobody = AuthenticationResult(True, 200, "OK", user=AnonymousUser())
    desk.first = desk.answer = nobody
    client = await connect(make(desk, recheck_interval=0.01).as_asgi())
    await desk.wait_asked(2)
    desk.answer = PASSED
    _, code = await receive_end(client)
    assert code == 4401


async def test_nothing_is_kept_of_those_about_whom_nothing_can_change(
    desk: Desk, connect: Connect
) -> None:
    desk.needs_rechecks = False
    desk.first = AuthenticationResult(True, 200, "OK", user=AnonymousUser())
    client = await connect(make(desk, recheck_interval=0.001).as_asgi())
    assert len(get_identities()) == 0
    await connect(OpenConsumer.as_asgi())
    assert len(get_identities()) == 0
    await client.disconnect()
    assert desk.asked == []


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [
        OperationalError("the database is down"),
        TimeoutError(),
        ConnectionResetError(),
        AuthenticationResult(False, 503, "Service Unavailable", {}),
    ],
)
async def test_failure_that_may_pass_keeps_the_connection_until_the_next_check(
    desk: Desk,
    connect: Connect,
    logs: list[Any],
    failure: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recheck_module, "_WARN_EVERY", 3600.0)  # one line, however long it takes
    desk.answer = failure
    client = await connect(make(desk, recheck_interval=0.01).as_asgi())
    await desk.wait_asked(4)
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"
    [line] = [line for line in logs if line["log_level"] in ("warning", "error")]
    assert line["event"] == "Could not re-check connections"
    assert "exc_info" not in line
    assert "request_id" not in line
    assert counters.rechecks["failed"] >= 3
    desk.answer = REFUSED
    _, code = await receive_end(client)
    assert code == 4403


@pytest.mark.parametrize("failure", [RuntimeError("secret of the permission"), PermissionError()])
async def test_unexpected_error_closes_with_one_traceback(
    desk: Desk, connect: Connect, logs: list[Any], failure: Exception
) -> None:
    desk.answer = failure
    get_identities().rechecker._log_limit = RepeatLimit(lambda: 0.0)
    clients = [await connect(make(desk).as_asgi()) for _ in range(3)]
    announce([get_user_subject(7)])
    for client in clients:
        payload, code = await receive_end(client)
        assert payload["data"] == {"detail": "Internal server error"}
        assert (payload["status_code"], code) == (500, 4500)
    [line] = [line for line in logs if line["log_level"] == "error"]
    assert line["event"] == "Re-check failed with unexpected error"
    assert line["path"] == "/ws/"


async def test_urgent_check_that_fails_is_tried_again_without_an_interval(
    desk: Desk, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_module, "_RETRY", (0.0, 0.01))
    desk.answer = OperationalError()
    client = await connect(make(desk).as_asgi())
    announce([get_user_subject(7)])
    await desk.wait_asked(3)
    desk.answer = REFUSED
    _, code = await receive_end(client)
    assert code == 4403


# --- tokens that expire ---------------------------------------------------------------------------


async def test_token_that_expires_closes_at_its_time_without_asking(
    desk: Desk, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    expires_at = desk.expires_at = now + 0.05
    with monkeypatch.context() as stopped:
        # Whoever is paused while connecting still comes before the token expires.
        stopped.setattr(time, "time", lambda: now)
        client = await connect(make(desk, recheck_interval=300).as_asgi())
    payload, code = await receive_end(client)
    assert time.time() >= expires_at
    assert payload["data"] == {"detail": "Token has expired"}
    assert (payload["status_code"], code) == (401, 4401)
    assert desk.asked == []


async def test_token_that_has_expired_already_is_closed(desk: Desk) -> None:
    desk.expires_at = time.time() - 1
    client = WebsocketCommunicator(make(desk).as_asgi(), "/ws/")
    await client.connect()
    await client.assert_closed(4401)


@pytest.mark.parametrize("expires_at", [4e9, 1e300, float("inf"), float("nan"), "soon", None])
async def test_far_and_senseless_ends_are_no_end(
    desk: Desk, connect: Connect, expires_at: Any
) -> None:
    desk.expires_at = expires_at
    client = await connect(make(desk).as_asgi())
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"


async def test_wall_clock_that_is_set_forward_is_noticed(
    desk: Desk, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_module, "_LONGEST", 0.01)
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])
    desk.expires_at = now[0] + 3600
    client = await connect(make(desk).as_asgi())
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"
    now[0] += 3600
    _, code = await receive_end(client)
    assert code == 4401


# --- events ---------------------------------------------------------------------------------------


async def test_event_of_a_user_is_for_all_connections_of_that_user_and_no_others(
    desk: Desk, connect: Connect
) -> None:
    mine = [await connect(make(desk).as_asgi()) for _ in range(3)]
    other_desk = Desk()
    other_desk.first = AuthenticationResult(True, 200, "OK", user=User(pk=8, username="bob"))
    other = await connect(make(other_desk).as_asgi())
    desk.answer = REFUSED
    announce([get_user_subject(7), get_user_subject("nobody")])
    for client in mine:
        assert (await receive_end(client))[1] == 4403
    await other.send_message(PingMessage())
    assert (await other.receive_json_from())["action"] == "pong"
    assert other_desk.asked == []
    assert desk.asked == [False] * 3


async def test_event_of_a_session_is_asked_without_it_from_then_on(
    desk: Desk, connect: Connect
) -> None:
    class WithSession(make(desk)):  # type: ignore[misc]  # made by a function
        async def post_authentication(self) -> None:
            pass

    async def application(scope: Any, receive: Any, send: Any) -> None:
        session = type("Session", (), {"session_key": "secret"})()
        await WithSession.as_asgi()({**scope, "session": session}, receive, send)

    client = await connect(application)
    announce([get_session_subject("another")])
    announce([get_session_subject("secret")])
    await desk.wait_asked(1)
    announce([get_user_subject(7)])
    await desk.wait_asked(2)
    assert desk.asked == [True, True]
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"


def test_key_of_a_session_is_not_in_its_subject() -> None:
    assert "secret" not in get_session_subject("secret")
    assert get_session_subject("secret") == get_session_subject("secret")


@pytest.mark.parametrize("where", ["authenticate", "build_groups", "post_authentication"])
@pytest.mark.parametrize("what", ["recheck", "joined", "disconnect"])
async def test_event_in_the_middle_of_a_handshake_is_not_missed(
    desk: Desk, where: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities_module, "_SPREAD", 0.01)
    desk.answer = REFUSED

    def happen() -> None:
        if what == "recheck":
            announce([get_user_subject(7)])
        elif what == "joined":  # what was told before has not reached this process
            for callback in on_joined:
                callback()
        else:
            act_here("disconnect", {"users": ["7"], "code": 4001, "reason": "out"})

    consumer = make(desk)

    class Authenticator(consumer.authenticator_class):  # type: ignore[misc,name-defined]  # see make
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            if where == "authenticate":
                happen()
            return desk.first

    class Consumer(consumer):  # type: ignore[misc,valid-type]  # made by a function
        authenticator_class = Authenticator

        async def build_groups(self) -> list[str]:
            if where == "build_groups":
                happen()
            return []

        async def post_authentication(self) -> None:
            if where == "post_authentication":
                happen()

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.assert_closed(4001 if what == "disconnect" else 4403)


async def test_nothing_more_is_called_for_who_is_out_before_all_is_set_up(
    desk: Desk,
) -> None:
    called = []

    class Consumer(make(desk)):  # type: ignore[misc]  # made by a function
        async def build_groups(self) -> list[str]:
            act_here("disconnect", {"users": ["7"], "code": 4001})
            return []

        async def post_authentication(self) -> None:
            called.append("post_authentication")

        async def disconnect(self, code: int) -> None:
            called.append("disconnect")

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.assert_closed(4001)
    await client.disconnect()
    assert called == ["disconnect"]


async def test_kick_before_the_first_message_is_not_for_the_one_who_sends_it(desk: Desk) -> None:
    desk.first = AuthenticationResult(False, 401, "Unauthorized", refused_by="anonymous")
    consumer = make(desk, token_transports=["message"])
    client = WebsocketCommunicator(consumer.as_asgi(), "/ws/")
    await client.connect()
    act_here("disconnect", {"users": ["7"]})
    desk.first = PASSED
    await client.send_json_to({"action": "authenticate", "payload": {"token": "abc"}})
    await client.assert_authenticated_status_ok()
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"
    await client.disconnect()


async def test_renewal_by_an_authenticator_of_the_sites_own_is_for_the_same_user(
    desk: Desk, connect: Connect
) -> None:
    users = []

    class Consumer(make(desk)):  # type: ignore[misc]  # made by a function
        async def disconnect(self, code: int) -> None:
            users.append(self.user)

    client = await connect(Consumer.as_asgi())
    desk.first = AuthenticationResult(True, 200, "OK", user=User(pk=8))
    await client.send_json_to({"action": "authenticate", "payload": {"token": "abc"}})
    assert (await client.receive_json_from())["payload"]["status_code"] == 401
    await client.disconnect()
    assert users == [ANN]


async def test_event_in_the_middle_of_a_renewal_is_not_missed(desk: Desk, connect: Connect) -> None:
    """What is asked then is about the old token, which may be as good as ever."""
    consumer = make(desk)

    class Authenticator(consumer.authenticator_class):  # type: ignore[misc,name-defined]  # see make
        async def renew(self, scope: Any, token: str) -> AuthenticationResult:
            announce([get_user_subject(7)])
            await desk.wait_asked(1)
            async with asyncio.timeout(PATIENCE):
                while len(get_identities().rechecker):
                    await asyncio.sleep(0)
            desk.answer = REFUSED
            return PASSED

    renewed: Any = type("Consumer", (consumer,), {"authenticator_class": Authenticator})
    client = await connect(renewed.as_asgi())
    await client.send_json_to({"action": "authenticate", "payload": {"token": "abc"}})
    assert (await client.receive_json_from())["payload"]["status_code"] == 200
    assert (await receive_end(client))[1] == 4403


async def test_event_just_before_a_handshake_counts_and_a_kick_does_not(
    desk: Desk, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django tells of a logout before it deletes the session."""
    assert identities_module._LEAD >= 1
    monkeypatch.setattr(identities_module, "_LEAD", 3600.0)  # "just", however long it takes
    announce([get_user_subject(7)])
    act_here("disconnect", {"users": ["7"]})
    client = await connect(make(desk).as_asgi())
    await desk.wait_asked(1)
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"


async def test_event_while_it_is_asked_is_asked_once_more(desk: Desk, connect: Connect) -> None:
    desk.gate = asyncio.Event()
    client = await connect(make(desk).as_asgi())
    announce([get_user_subject(7)])
    await desk.wait_asked(1)  # which looks at what was before
    for _ in range(5):
        announce([get_user_subject(7)])
    desk.answer = REFUSED
    desk.gate.set()
    assert (await receive_end(client))[1] == 4403
    assert len(desk.asked) == 2


async def test_answer_about_an_earlier_token_decides_nothing(desk: Desk, connect: Connect) -> None:
    desk.gate = asyncio.Event()
    desk.answer = REFUSED
    consumers = []

    class Consumer(make(desk)):  # type: ignore[misc]  # made by a function
        async def post_authentication(self) -> None:
            consumers.append(self)

    client = await connect(Consumer.as_asgi())
    announce([get_user_subject(7)])
    await desk.wait_asked(1)
    [consumer] = consumers
    consumer._driver.keep_identity(consumer.authenticator_class())
    desk.answer = PASSED
    desk.gate.set()
    await desk.wait_asked(2)
    await client.send_message(PingMessage())
    assert (await client.receive_json_from())["action"] == "pong"


async def test_nobody_is_asked_about_who_is_gone_before_the_question_is_put(
    desk: Desk, connect: Connect, logs: list[Any]
) -> None:
    client = await connect(make(desk).as_asgi())
    # In one turn of the event loop: the task of the re-check has not begun.
    announce([get_user_subject(7)])
    act_here("disconnect", {"users": ["7"], "code": 4009, "reason": "Bye, Ann"})
    assert (await client.receive_output())["code"] == 4009
    assert not select(logs, "Re-check failed with unexpected error")
    assert desk.asked == []
    assert len(get_identities().rechecker) == 0


async def test_everybody_is_asked_soon_and_only_a_few_at_once(
    desk: Desk, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities_module, "_SPREAD", 0.05)
    monkeypatch.setattr(identities_module, "_RATE", 1e9)
    desk.gate = asyncio.Event()
    clients = [await connect(make(desk).as_asgi()) for _ in range(20)]
    announce([EVERYBODY])
    await desk.wait_asked(recheck_module._AT_ONCE)
    desk.gate.set()
    await desk.wait_asked(len(clients))
    assert desk.most == recheck_module._AT_ONCE


async def test_who_is_asked_when_all_are_to_be_is_asked_once_more(
    desk: Desk, connect: Connect
) -> None:
    desk.gate = asyncio.Event()
    client = await connect(make(desk).as_asgi())
    announce([get_user_subject(7)])
    await desk.wait_asked(1)
    announce([EVERYBODY])
    desk.answer = REFUSED
    desk.gate.set()
    assert (await receive_end(client))[1] == 4403
    assert len(desk.asked) == 2


async def test_nothing_is_begun_when_the_event_loop_ends(desk: Desk, connect: Connect) -> None:
    desk.gate = asyncio.Event()
    for _ in range(2 * recheck_module._AT_ONCE):
        await connect(make(desk).as_asgi())
    announce([get_user_subject(7)])
    await desk.wait_asked(recheck_module._AT_ONCE)
    tasks = [task for task in asyncio.all_tasks() if task.get_name() == "chanx re-check"]
    # As asyncio.run() does it at the end.
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "chanx re-check"]
    assert len(desk.asked) == len(tasks) == recheck_module._AT_ONCE


async def test_urgent_ones_go_before_those_that_are_due(desk: Desk, connect: Connect) -> None:
    desk.gate = asyncio.Event()
    late = Desk()
    late.first = late.answer = AuthenticationResult(True, 200, "OK", user=User(pk=8))
    for _ in range(recheck_module._AT_ONCE):
        await connect(make(desk, recheck_interval=0.001).as_asgi())
    await desk.wait_asked(recheck_module._AT_ONCE)
    order = []
    due = [Desk() for _ in range(3)]
    for each in due:
        await connect(make(each, recheck_interval=0.001).as_asgi())
    async with asyncio.timeout(PATIENCE):
        while len(get_identities().rechecker) < recheck_module._AT_ONCE + 3:
            await asyncio.sleep(0.001)
    await connect(make(late).as_asgi())
    announce([get_user_subject(8)])

    async def note(name: str, each: Desk) -> None:
        await each.wait_asked(1)
        order.append(name)

    notes = [asyncio.create_task(note("urgent", late))]
    notes += [asyncio.create_task(note("due", each)) for each in due]
    await asyncio.sleep(0)
    desk.gate.set()
    await asyncio.gather(*notes)
    assert order[0] == "urgent"


# --- being shown out ------------------------------------------------------------------------------


async def test_kick_sends_code_and_reason_and_no_message(desk: Desk, connect: Connect) -> None:
    client = await connect(make(desk).as_asgi())
    act_here("disconnect", {"users": ["7"], "code": 4009, "reason": "Bye, Ann"})
    event = await client.receive_output()
    assert event == {"type": "websocket.close", "code": 4009, "reason": "Bye, Ann"}
    assert desk.asked == []


async def test_nothing_comes_after_the_message_and_no_frame_is_handled(
    desk: Desk, connect: Connect, layer: Any
) -> None:
    handled = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Consumer(make(desk, RoomConsumer)):  # type: ignore[misc]  # made by a function
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            handled.append(message.action)
            begun.set()
            await go_on.wait()
            await self.send_message(message)
            handled.append("sent")

    client = await connect(Consumer.as_asgi())
    speaker = await connect(RoomConsumer.as_asgi())
    await client.send_message(PingMessage())
    await client.send_message(PingMessage())
    await begun.wait()
    desk.answer = REFUSED
    announce([get_user_subject(7)])
    assert (await receive_end(client))[1] == 4403
    await speaker.send_json_to({"action": "say", "payload": "hello"})
    await speaker.receive_all_json()
    go_on.set()
    await client.send_message(PingMessage())
    await client.disconnect()
    assert client.output_queue.empty()
    assert handled in (["ping", "sent"], ["ping"])


async def test_client_that_does_not_read_is_not_waited_for(desk: Desk) -> None:
    release = asyncio.Event()
    sent: list[Any] = []
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    is_in = asyncio.Event()

    async def send(event: Any) -> None:
        sent.append(event["type"])
        if event["type"] == "websocket.send":
            is_in.set()
            await release.wait()

    class Consumer(make(desk)):  # type: ignore[misc]  # made by a function
        send_message_immediately = False

    consumer = Consumer()
    scope = {"type": "websocket", "path": "/ws/", "headers": [], "subprotocols": []}
    task = asyncio.create_task(consumer(scope, incoming.get, send))
    incoming.put_nowait({"type": "websocket.connect"})
    await is_in.wait()
    driver = consumer._driver
    async with asyncio.timeout(PATIENCE):
        while not driver.identity:
            await asyncio.sleep(0)
    driver.revoke(REFUSED)
    assert driver.connection.is_closing
    assert driver.identity is None
    release.set()
    incoming.put_nowait({"type": "websocket.disconnect", "code": 4403})
    await task
    assert sent[:1] == ["websocket.accept"]
    assert "websocket.close" not in sent or sent.index("websocket.close") == len(sent) - 1


async def test_connections_of_another_event_loop_are_reached(desk: Desk, connect: Connect) -> None:
    """Each is touched in the thread of its own loop."""
    is_in = threading.Event()
    outcome: list[Any] = []

    def work() -> None:
        async def serve() -> None:
            other = Desk()
            client = WebsocketCommunicator(make(other).as_asgi(), "/ws/")
            await client.connect()
            await client.assert_authenticated_status_ok()
            is_in.set()
            outcome.append((await client.receive_output(), threading.current_thread()))

        asyncio.run(serve())

    thread = threading.Thread(target=work)
    thread.start()
    client = await connect(make(desk).as_asgi())
    assert await asyncio.to_thread(is_in.wait, PATIENCE)
    act_here("disconnect", {"users": ["7"]})
    assert (await client.receive_output())["code"] == 4403
    await asyncio.to_thread(thread.join)
    [(event, where)] = outcome
    assert (event["code"], where) == (4403, thread)
    # A loop that is gone is nobody's trouble.
    act_here("disconnect", {"users": ["7"]})


async def test_nothing_of_a_connection_is_left(desk: Desk, connect: Connect) -> None:
    first = await connect(make(desk, recheck_interval=300).as_asgi())
    second = await connect(make(desk, recheck_interval=300).as_asgi())
    home = get_identities()
    await first.disconnect()
    assert (len(home), home.knows(get_user_subject(7))) == (1, True)
    await second.disconnect()
    assert (len(home), home.knows(get_user_subject(7))) == (0, False)


# --- with Django's own users, sessions and tokens -------------------------------------------------

database = pytest.mark.django_db(transaction=True)


class Guarded(OpenConsumer):
    """Users of the site only; asked when there is an event, and else never."""

    authentication_classes = (SessionAuthentication, TokenAuthentication)
    permission_classes = (IsAuthenticated,)
    recheck_interval = None

    async def do_deactivate(self) -> None:
        """Do it to oneself, and answer."""
        self.user.is_active = False
        await self.user.asave()
        await self.send_json({"action": "done"})

    async def do_roll_back(self) -> None:
        """Do it, and undo it."""

        def change() -> None:
            with transaction.atomic():
                self.user.is_active = False
                self.user.save()
                transaction.set_rollback(True)

        await sync_to_async(change)()
        await self.send_json({"action": "done"})


async def make_user() -> tuple[User, AsyncClient, list[Any], list[Any]]:
    """Return a user, a browser, and the headers of its session and of a token."""
    user = await sync_to_async(User.objects.create_user)("ann", password="pass")
    token = await Token.objects.acreate(user=user)
    browser = AsyncClient()
    await browser.aforce_login(user)
    cookie = f"sessionid={browser.cookies['sessionid'].value}".encode()
    by_token = [(b"authorization", f"Token {token.key}".encode())]
    return user, browser, [(b"cookie", cookie)], by_token


@database
async def test_logout_ends_the_sockets_of_the_session_and_leaves_those_of_the_token(
    desk: Desk, connect: Connect
) -> None:
    _, browser, by_session, by_token = await make_user()
    session = await connect(Guarded.as_asgi(), headers=by_session)
    token = await connect(Guarded.as_asgi(), headers=by_token)
    # The cookie is not what lets this one in when it has gone.
    both = await connect(Guarded.as_asgi(), headers=by_session + by_token)
    await browser.alogout()
    payload, code = await receive_end(session)
    assert (payload["status_code"], code) == (403, 4403)  # as sessions name no challenge
    for client in (token, both):
        await client.send_message(PingMessage())
        assert (await client.receive_json_from())["action"] == "pong"


@database
async def test_change_in_the_connections_own_handler(desk: Desk, connect: Connect) -> None:
    _, _, _, by_token = await make_user()
    client = await connect(Guarded.as_asgi(), headers=by_token)
    await client.send_json_to({"action": "do", "payload": "roll_back"})
    assert await client.receive_json_from() == {"action": "done"}
    assert counters.rechecks == {}
    await client.send_json_to({"action": "do", "payload": "deactivate"})
    messages = await client.receive_until_action("authentication", inclusive=True)
    assert messages[-1]["payload"]["status_code"] in (401, 403)
    assert counters.rechecks == {"refused": 1}


@database
@pytest.mark.parametrize("what", ["user", "token", "password"])
async def test_what_is_deleted_or_changed_ends_the_sockets_that_hang_on_it(
    desk: Desk, connect: Connect, what: str
) -> None:
    user, _, by_session, by_token = await make_user()
    session = await connect(Guarded.as_asgi(), headers=by_session)
    token = await connect(Guarded.as_asgi(), headers=by_token)
    match what:
        case "user":
            await user.adelete()
            ended, stay = [session, token], []
        case "token":
            await Token.objects.filter(user=user).adelete()
            ended, stay = [token], [session]
        case _:
            user.set_password("another")
            await user.asave(update_fields=["password"])
            ended, stay = [session], [token]
    for client in ended:
        assert (await receive_end(client))[1] in (4401, 4403)
    for client in stay:
        await client.send_message(PingMessage())
        assert (await client.receive_json_from())["action"] == "pong"


def test_consumers_without_a_user_need_none() -> None:
    assert OpenConsumer.permission_classes == (AllowAny,)
    authenticator = ChanxWebsocketAuthenticator()
    assert not identity_module.needs_identity(None, authenticator)
    assert identity_module.needs_identity("7", authenticator)
