"""The life of a connection: what happens when, and what goes wrong."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from channels.exceptions import AcceptConnection, DenyConnection, StopConsumer
from channels.layers import InMemoryChannelLayer
from rest_framework.permissions import AllowAny, IsAuthenticated

from chanx.codes import CloseCode
from chanx.generic.authenticator import AuthenticationResult, ChanxWebsocketAuthenticator
from chanx.messages.outgoing import PongMessage
from chanx.testing import WebsocketCommunicator
from tests.app.consumers import OpenConsumer, RoomConsumer, override
from tests.app.messages import SaidMessage
from tests.conftest import Connect, UseLayer, Vary
from tests.patience import PATIENCE

ANN = [(b"x-user", b"ann")]
AUTHENTICATION_OK = {
    "action": "authentication",
    "payload": {"status_code": 200, "status_text": "OK", "data": {"detail": "OK"}},
}


def get_errors(logs: list[Any]) -> list[str]:
    return [line["event"] for line in logs if line["log_level"] in ("error", "critical")]


# --- in order -------------------------------------------------------------------------------------


class Diary(RoomConsumer):
    """Writes down what happens."""

    permission_classes = (IsAuthenticated,)
    lines: list[Any]

    def __init__(self) -> None:
        super().__init__()
        self.note("init")

    def note(self, *line: Any) -> None:
        state = [value is not None for value in (self.user, self.request)]
        self.lines.append((*line, *state))

    async def connect(self) -> None:
        self.note("connect")
        await super().connect()

    async def build_groups(self) -> Iterable[str]:
        self.note("build_groups")
        return ["room"]

    async def post_authentication(self) -> None:
        self.note("post_authentication")
        await super().post_authentication()

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        self.note("receive_message")
        await super().receive_message(message, **kwargs)

    async def disconnect(self, code: int) -> None:
        self.note("disconnect", code)


async def test_steps_of_a_connection_come_in_order(vary: Vary) -> None:
    class Consumer(Diary):
        lines: list[Any] = []

    client = WebsocketCommunicator(vary(Consumer), "/ws/", headers=ANN)
    assert await client.connect() == (True, None)
    assert await client.receive_json_from() == AUTHENTICATION_OK
    await client.send_json_to({"action": "ping"})
    assert await client.receive_json_from() == {"action": "pong", "payload": None}
    await client.disconnect(4321)

    assert Consumer.lines == [
        ("init", False, False),
        ("connect", False, False),
        ("build_groups", True, True),
        ("post_authentication", True, True),
        ("receive_message", True, True),
        ("disconnect", 4321, True, True),
    ]


async def test_user_obj_and_request_are_none_before_authentication() -> None:
    consumer = OpenConsumer()
    assert consumer.user is None
    assert consumer.obj is None
    assert consumer.request is None
    assert isinstance(consumer.authenticator, ChanxWebsocketAuthenticator)


async def test_refused_connection_has_a_request_and_no_user(layer: InMemoryChannelLayer) -> None:
    class Consumer(Diary):
        lines: list[Any] = []

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.wait_for_auth()
    await client.assert_closed(4401)
    await client.disconnect()

    assert Consumer.lines[-1] == ("disconnect", 1000, False, True)
    assert not [line for line in Consumer.lines if line[0] in ("build_groups", "receive_message")]


async def test_client_is_in_its_groups_when_it_reads_the_authentication_message(
    vary: Vary, layer: InMemoryChannelLayer
) -> None:
    client = WebsocketCommunicator(vary(RoomConsumer), "/ws/")
    await client.connect()
    await client.receive_json_from()
    await layer.group_send("room", {"type": "send_group_member", "content": {"now": True}})
    assert await client.receive_json_from() == {"now": True}
    await client.disconnect()


async def test_deliveries_between_joining_and_the_message_come_after_it(
    vary: Vary, use_layer: UseLayer, connect: Connect
) -> None:
    is_joining, may_go_on = asyncio.Event(), asyncio.Event()

    class SlowLayer(InMemoryChannelLayer):
        async def group_add(self, group: str, channel: str) -> None:
            await super().group_add(group, channel)
            if group == "second":
                is_joining.set()
                await may_go_on.wait()

    class Consumer(RoomConsumer):
        async def build_groups(self) -> Iterable[str]:
            return ["room", "second"]

        async def post_authentication(self) -> None:
            await self.send_message(PongMessage())

    layer = use_layer(SlowLayer())
    witness = await connect(RoomConsumer.as_asgi())
    client = WebsocketCommunicator(vary(Consumer), "/ws/")
    await client.connect()
    await is_joining.wait()
    early = {"action": "early"}
    await layer.group_send("room", {"type": "send_group_member", "content": early})
    assert await witness.receive_json_from() == early
    assert client.output_queue.empty()
    may_go_on.set()
    assert await client.receive_json_from() == AUTHENTICATION_OK
    actions = {(await client.receive_json_from())["action"] for _ in range(2)}
    assert actions == {"early", "pong"}
    await client.disconnect()


@pytest.mark.parametrize("variant", ["plain", "all"])
async def test_who_joins_in_connect_gets_nothing_before_the_authentication_message(
    variant: str, layer: InMemoryChannelLayer, connect: Connect
) -> None:
    is_asked, may_enter = asyncio.Event(), asyncio.Event()

    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            is_asked.set()
            await may_enter.wait()
            return await super().authenticate(scope)

    class Consumer(OpenConsumer):
        authenticator_class = Authenticator

        async def connect(self) -> None:
            await self.channel_layer.group_add("room", self.channel_name)
            await super().connect()

    witness = await connect(RoomConsumer.as_asgi())
    client = WebsocketCommunicator(override(Consumer, variant).as_asgi(), "/ws/")
    await client.connect()
    await is_asked.wait()
    await layer.group_send("room", {"type": "send_group_member", "content": "for members"})
    assert await witness.receive_json_from() == "for members"
    may_enter.set()
    assert await client.receive_json_from() == AUTHENTICATION_OK
    assert await client.receive_json_from() == "for members"
    await client.disconnect()


@pytest.mark.parametrize("variant", ["plain", "all"])
async def test_who_joins_in_connect_and_is_refused_gets_no_delivery(
    variant: str, layer: InMemoryChannelLayer, connect: Connect
) -> None:
    is_asked, may_go_on = asyncio.Event(), asyncio.Event()

    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            is_asked.set()
            await may_go_on.wait()
            return await super().authenticate(scope)

    class Consumer(OpenConsumer):
        permission_classes = (IsAuthenticated,)
        authenticator_class = Authenticator

        async def connect(self) -> None:
            await self.channel_layer.group_add("room", self.channel_name)
            await super().connect()

    witness = await connect(RoomConsumer.as_asgi())
    client = WebsocketCommunicator(override(Consumer, variant).as_asgi(), "/ws/")
    await client.connect()
    await is_asked.wait()
    await layer.group_send("room", {"type": "send_group_member", "content": "for members"})
    assert await witness.receive_json_from() == "for members"
    may_go_on.set()
    message = await client.receive_json_from()
    assert message["payload"]["status_code"] == 403
    await client.assert_closed(4403)
    await client.disconnect()


async def test_messages_wait_for_post_authentication(vary: Vary) -> None:
    is_reached, may_go_on = asyncio.Event(), asyncio.Event()

    class Consumer(OpenConsumer):
        async def post_authentication(self) -> None:
            is_reached.set()
            await may_go_on.wait()
            await self.send_json({"action": "ready"})

    client = WebsocketCommunicator(vary(Consumer), "/ws/")
    await client.connect()
    assert await client.receive_json_from() == AUTHENTICATION_OK
    await client.send_json_to({"action": "ping"})
    await is_reached.wait()
    assert client.output_queue.empty()
    may_go_on.set()
    assert await client.receive_json_from() == {"action": "ready"}
    assert (await client.receive_json_from())["action"] == "pong"
    await client.disconnect()


async def test_post_authentication_may_close(vary: Vary) -> None:
    handled = []

    class Consumer(OpenConsumer):
        async def post_authentication(self) -> None:
            await self.close(4999)

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            handled.append(message)

    client = WebsocketCommunicator(vary(Consumer), "/ws/")
    await client.connect()
    await client.send_json_to({"action": "ping"})
    await client.assert_authenticated_status_ok()
    await client.assert_closed(4999)
    await client.send_json_to({"action": "ping"})
    await client.disconnect()
    assert handled == []


# --- the authentication message -------------------------------------------------------------------


async def test_authentication_message_can_be_switched_off() -> None:
    class Consumer(OpenConsumer):
        send_authentication_message = False

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.assert_authenticated_status_ok()
    await client.send_json_to({"action": "ping"})
    assert [m["action"] for m in await client.receive_all_json()] == ["pong"]
    await client.disconnect()


async def test_switched_off_message_still_closes_with_the_status() -> None:
    class Consumer(OpenConsumer):
        permission_classes = (IsAuthenticated,)
        send_authentication_message = False

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    event = await client.receive_output()
    assert event == {"type": "websocket.close", "code": 4403}
    await client.disconnect()


# --- frames and failed authentication -------------------------------------------------------------


@pytest.mark.parametrize("is_sent", ["before", "after"])
async def test_frame_around_failed_authentication_is_never_handled(
    vary: Vary, is_sent: str, logs: list[Any]
) -> None:
    handled = []
    may_decide = asyncio.Event()

    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            await may_decide.wait()
            return await super().authenticate(scope)

    class Consumer(OpenConsumer):
        permission_classes = (IsAuthenticated,)
        authenticator_class = Authenticator

        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            handled.append(message)

    client = WebsocketCommunicator(vary(Consumer), "/ws/")
    await client.connect()
    if is_sent == "before":
        await client.send_json_to({"action": "ping"})
        await client.send_to(text_data="no json")
    may_decide.set()
    message = await client.wait_for_auth()
    assert message is not None
    assert message.payload.status_code == 403
    if is_sent == "after":
        await client.send_json_to({"action": "ping"})
        await client.send_to(text_data="no json")
    await client.assert_closed(4403)
    await client.disconnect()
    assert client.output_queue.empty()
    assert handled == []
    assert get_errors(logs) == []


async def test_frame_before_successful_authentication_is_handled_after_it(vary: Vary) -> None:
    client = WebsocketCommunicator(vary(OpenConsumer), "/ws/")
    await client.send_input({"type": "websocket.connect"})
    await client.send_json_to({"action": "ping"})
    assert (await client.receive_output())["type"] == "websocket.accept"
    assert await client.receive_json_from() == AUTHENTICATION_OK
    assert (await client.receive_json_from())["action"] == "pong"
    await client.disconnect()


# --- failures of the consumer's own code ----------------------------------------------------------


@pytest.mark.parametrize("step", ["build_groups", "post_authentication"])
async def test_exception_while_setting_up_is_logged_once_and_closes(
    vary: Vary, step: str, logs: list[Any], layer: InMemoryChannelLayer
) -> None:
    handled = []
    codes = []

    class Consumer(RoomConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            handled.append(message)

        async def disconnect(self, code: int) -> None:
            codes.append(code)

    async def fail(self: Any) -> None:
        raise RuntimeError("secret")

    setattr(Consumer, step, fail)
    client = WebsocketCommunicator(vary(Consumer), "/ws/")
    await client.connect()
    await client.send_json_to({"action": "ping"})
    await client.assert_closed(CloseCode.INTERNAL_ERROR)
    await client.disconnect(4500)

    errors = [line for line in logs if line["log_level"] == "error"]
    assert len(errors) == 1
    assert errors[0]["exc_info"]
    assert handled == []
    assert codes == [4500]
    assert layer.groups == {}


async def test_client_is_told_before_an_exception_in_post_authentication() -> None:
    class Consumer(OpenConsumer):
        async def post_authentication(self) -> None:
            raise RuntimeError("secret")

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    assert await client.receive_json_from() == AUTHENTICATION_OK
    assert await client.receive_output() == {"type": "websocket.close", "code": 4500}
    await client.disconnect()


async def test_client_hears_nothing_of_success_when_build_groups_fails() -> None:
    class Consumer(OpenConsumer):
        async def build_groups(self) -> Iterable[str]:
            raise RuntimeError("secret")

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    assert await client.receive_output() == {"type": "websocket.close", "code": 4500}
    await client.disconnect()


async def test_exception_in_connect_refuses_the_handshake(logs: list[Any]) -> None:
    class Consumer(OpenConsumer):
        async def connect(self) -> None:
            raise RuntimeError("secret")

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    assert await client.connect() == (False, 4500)
    await client.disconnect()
    assert len(get_errors(logs)) == 1


async def test_build_groups_may_not_return_a_string(logs: list[Any]) -> None:
    class Consumer(OpenConsumer):
        async def build_groups(self) -> Iterable[str]:
            return "room"

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.assert_closed(4500)
    await client.disconnect()
    assert len(get_errors(logs)) == 1


async def test_build_groups_may_return_none(connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def build_groups(self) -> Any:
            return None

    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "ping"})
    assert len(await client.receive_all_json()) == 1


async def test_build_groups_may_return_a_generator(
    connect: Connect, layer: InMemoryChannelLayer
) -> None:
    class Consumer(OpenConsumer):
        async def build_groups(self) -> Iterable[str]:
            return (name for name in ("a", "b", "a"))

    await connect(Consumer.as_asgi())
    assert set(layer.groups) == {"a", "b"}
    assert [len(members) for members in layer.groups.values()] == [1, 1]


async def test_exception_in_disconnect_is_logged_once(logs: list[Any]) -> None:
    class Consumer(OpenConsumer):
        async def disconnect(self, code: int) -> None:
            raise RuntimeError("secret")

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.wait_for_auth()
    await client.disconnect()
    assert len(get_errors(logs)) == 1


async def test_exception_in_authenticate_of_a_subclass_closes_with_4500(logs: list[Any]) -> None:
    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            raise RuntimeError("secret")

    class Consumer(OpenConsumer):
        authenticator_class = Authenticator

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.assert_closed(4500)
    await client.disconnect()
    assert len(get_errors(logs)) == 1


# --- Channels' own ways of saying yes and no ------------------------------------------------------


async def test_accept_connection_accepts() -> None:
    class Consumer(OpenConsumer):
        async def connect(self) -> None:
            raise AcceptConnection

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    assert await client.connect() == (True, None)
    assert await client.receive_json_from() == AUTHENTICATION_OK
    await client.disconnect()


async def test_deny_connection_refuses(logs: list[Any]) -> None:
    asked = []

    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            asked.append(scope)
            return await super().authenticate(scope)

    class Consumer(OpenConsumer):
        authenticator_class = Authenticator

        async def connect(self) -> None:
            raise DenyConnection

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    connected, _ = await client.connect()
    assert not connected
    await client.disconnect()
    assert asked == []
    assert get_errors(logs) == []


async def test_close_in_connect_refuses_with_the_code() -> None:
    class Consumer(OpenConsumer):
        async def connect(self) -> None:
            await self.close(4321)

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    assert await client.connect() == (False, 4321)
    await client.disconnect()


async def test_close_after_accept_in_connect_asks_nobody() -> None:
    class Consumer(OpenConsumer):
        async def connect(self) -> None:
            await self.accept()
            await self.close(4321)

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    assert await client.connect() == (True, None)
    assert await client.receive_output() == {"type": "websocket.close", "code": 4321}
    await client.disconnect()


async def test_connect_that_does_nothing_accepts() -> None:
    class Consumer(OpenConsumer):
        async def connect(self) -> None:
            pass

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    assert await client.connect() == (True, None)
    await client.disconnect()


async def test_connect_chooses_a_subprotocol_and_headers(vary: Vary) -> None:
    class Consumer(OpenConsumer):
        async def connect(self) -> None:
            headers: Any = [(b"x-a", b"b")]
            await self.accept(self.scope["subprotocols"][1], headers=headers)

    client = WebsocketCommunicator(vary(Consumer), "/ws/", subprotocols=["v1", "v2"])
    assert await client.connect() == (True, "v2")
    assert client.response_headers == [(b"x-a", b"b")]
    await client.disconnect()


@pytest.mark.parametrize("step", ["connect", "post_authentication", "receive_message"])
async def test_stop_consumer_ends_the_application(
    step: str, logs: list[Any], layer: InMemoryChannelLayer
) -> None:
    codes = []

    class Consumer(RoomConsumer):
        async def disconnect(self, code: int) -> None:
            codes.append(code)

    async def stop(self: Any, *args: Any) -> None:
        raise StopConsumer

    setattr(Consumer, step, stop)
    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.send_input({"type": "websocket.connect"})
    await client.send_json_to({"action": "ping"})
    await client.wait()
    assert len(codes) == 1
    assert get_errors(logs) == []
    assert layer.groups == {}


async def test_events_that_asgi_extensions_define_are_passed_on(connect: Connect) -> None:
    class Consumer(OpenConsumer):
        async def do_extend(self) -> None:
            await self.base_send({"type": "websocket.http.response.start", "status": 418})

    client = await connect(Consumer.as_asgi())
    await client.send_json_to({"action": "do", "payload": "extend"})
    assert await client.receive_output() == {
        "type": "websocket.http.response.start",
        "status": 418,
    }


async def test_connection_closed_while_authentication_runs_is_told_nothing() -> None:
    consumers: list[Any] = []

    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            await consumers[0].close(4321)
            return AuthenticationResult(True, 200, "OK")

    class Consumer(Diary):
        lines: list[Any] = []
        authenticator_class = Authenticator

        async def connect(self) -> None:
            consumers.append(self)
            await super().connect()

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/", headers=ANN)
    await client.connect()
    assert await client.receive_output() == {"type": "websocket.close", "code": 4321}
    await client.disconnect()
    assert client.output_queue.empty()
    assert [line[0] for line in Consumer.lines] == ["init", "connect", "disconnect"]


# --- disconnecting --------------------------------------------------------------------------------


async def test_server_close_ends_with_one_disconnect(
    vary: Vary, layer: InMemoryChannelLayer
) -> None:
    codes = []

    class Consumer(RoomConsumer):
        async def do_close(self) -> None:
            await self.close(4001, "enough")
            await self.close(4002)
            await self.send_message(PongMessage())

        async def disconnect(self, code: int) -> None:
            codes.append(code)

    client = WebsocketCommunicator(vary(Consumer), "/ws/")
    await client.connect()
    await client.wait_for_auth()
    await client.send_json_to({"action": "do", "payload": "close"})
    event = await client.receive_output()
    assert event == {"type": "websocket.close", "code": 4001, "reason": "enough"}
    await client.disconnect(4001)
    assert client.output_queue.empty()
    assert codes == [4001]
    assert layer.groups == {}


async def test_disconnect_comes_once_when_a_layer_event_has_its_name(
    connect: Connect, layer: InMemoryChannelLayer
) -> None:
    codes = []
    is_over = asyncio.Event()

    class Consumer(RoomConsumer):
        async def disconnect(self, code: int) -> None:
            codes.append(code)
            is_over.set()

    client = await connect(Consumer.as_asgi())
    await layer.group_send("room", {"type": "websocket.disconnect", "code": 4000})
    await is_over.wait()
    await client.disconnect_if_running()
    assert codes == [4000]


async def test_groups_are_left_also_when_websocket_disconnect_is_replaced(
    layer: InMemoryChannelLayer,
) -> None:
    class Consumer(RoomConsumer):
        async def websocket_disconnect(self, message: Any) -> None:
            raise StopConsumer

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.wait_for_auth()
    assert set(layer.groups) == {"room"}
    await client.disconnect()
    assert layer.groups == {}


async def test_disconnect_may_still_tell_the_groups(
    connect: Connect, layer: InMemoryChannelLayer
) -> None:
    class Consumer(RoomConsumer):
        async def disconnect(self, code: int) -> None:
            await self.send_group_message(SaidMessage(payload="gone"))

    witness = await connect(RoomConsumer.as_asgi())
    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/", headers=ANN)
    await client.connect()
    await client.wait_for_auth()
    await client.disconnect()
    message = await witness.receive_json_from()
    assert message == {"action": "said", "payload": "gone", "is_mine": False, "is_current": False}


async def test_missing_close_code_is_1005() -> None:
    codes = []

    class Consumer(OpenConsumer):
        async def disconnect(self, code: int) -> None:
            codes.append(code)

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.wait_for_auth()
    await client.send_input({"type": "websocket.disconnect"})
    await client.wait()
    assert codes == [1005]


# --- the client vanishes --------------------------------------------------------------------------

MOMENTS = (
    "connect",
    "authenticate",
    "thread",
    "build_groups",
    "post_authentication",
    "receive_message",
    "group event",
    "send",
)


class Stuck(RoomConsumer):
    """Stays in one of its steps until the client has gone."""

    permission_classes = (AllowAny,)
    moment: str
    reached: asyncio.Event
    codes: list[int]
    cancelled: list[str]

    async def get_stuck(self, moment: str) -> None:
        if self.moment == moment:
            self.reached.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.append(moment)
                raise

    async def connect(self) -> None:
        await self.get_stuck("connect")
        await super().connect()

    async def build_groups(self) -> Iterable[str]:
        await self.get_stuck("build_groups")
        return ["room"]

    async def post_authentication(self) -> None:
        await self.get_stuck("post_authentication")

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        await self.get_stuck("receive_message")
        await super().receive_message(message, **kwargs)

    async def my_event(self, event: Any) -> None:
        await self.get_stuck("group event")

    async def disconnect(self, code: int) -> None:
        self.codes.append(code)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("variant", ["plain", "all"])
async def test_vanished_client_leaves_nothing_behind(
    moment: str,
    variant: str,
    logs: list[Any],
    layer: InMemoryChannelLayer,
    leftover: Callable[[], set[str]],
) -> None:
    is_reached = asyncio.Event()
    may_go_on = threading.Event()
    loop = asyncio.get_running_loop()

    class Authenticator(ChanxWebsocketAuthenticator):
        async def authenticate(self, scope: Any) -> AuthenticationResult:
            if moment == "authenticate":
                is_reached.set()
                await asyncio.Event().wait()
            return await super().authenticate(scope)

    class SlowPermission(AllowAny):
        def has_permission(self, request: Any, view: Any) -> bool:
            if moment == "thread":
                loop.call_soon_threadsafe(is_reached.set)
                may_go_on.wait(60)
            return True

    class Consumer(Stuck):
        permission_classes = (SlowPermission,)
        authenticator_class = Authenticator
        reached = is_reached
        codes: list[int] = []
        cancelled: list[str] = []

    Consumer.moment = moment

    async def send_output(event: Any) -> None:
        if moment == "send" and event["type"] == "websocket.send":
            is_reached.set()
            await asyncio.Event().wait()

    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    application = override(Consumer, variant).as_asgi()
    scope = {"type": "websocket", "path": "/ws/", "headers": []}
    serving = asyncio.ensure_future(application(scope, incoming.get, send_output))
    await incoming.put({"type": "websocket.connect"})
    await incoming.put({"type": "websocket.receive", "text": '{"action": "ping"}'})
    async with asyncio.timeout(PATIENCE):
        if moment == "group event":
            while "room" not in layer.groups:
                await asyncio.sleep(0)
            await layer.group_send("room", {"type": "my.event"})
        await is_reached.wait()
        await incoming.put({"type": "websocket.disconnect", "code": 1001})
        await serving
    may_go_on.set()

    assert Consumer.codes == [1001]
    assert layer.groups == {}
    assert get_errors(logs) == []
    assert not [line for line in logs if line.get("exc_info")]
    stuck_in = {"authenticate", "thread", "send"}
    assert Consumer.cancelled == ([] if moment in stuck_in else [moment])
    async with asyncio.timeout(PATIENCE):
        while leftover():
            await asyncio.sleep(0)


async def test_vanishing_while_the_layer_answers_leaves_no_membership(
    logs: list[Any], use_layer: UseLayer
) -> None:
    is_reached = asyncio.Event()

    class SlowLayer(InMemoryChannelLayer):
        """Has done what it was asked to when its answer is still on the way."""

        async def group_add(self, group: str, channel: str) -> None:
            await super().group_add(group, channel)
            is_reached.set()
            await asyncio.Event().wait()

    slow = use_layer(SlowLayer())
    client = WebsocketCommunicator(RoomConsumer.as_asgi(), "/ws/")
    await client.connect()
    await is_reached.wait()
    await client.disconnect()
    assert slow.groups == {}
    assert get_errors(logs) == []


async def test_client_that_does_not_read_is_closed_and_logged(
    connect: Connect, layer: InMemoryChannelLayer, logs: list[Any]
) -> None:
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def send_output(event: Any) -> None:
        await outgoing.put(event)
        if "said" in event.get("text", ""):
            await asyncio.Event().wait()

    witness = await connect(RoomConsumer.as_asgi())
    scope = {"type": "websocket", "path": "/slow/", "headers": [(b"x-request-id", b"slow")]}
    serving = asyncio.ensure_future(RoomConsumer.as_asgi()(scope, incoming.get, send_output))
    await incoming.put({"type": "websocket.connect"})
    while "authentication" not in (await outgoing.get()).get("text", ""):
        pass
    event = {"type": "send_group_member", "content": {"action": "said"}}
    for _ in range(1100):
        await layer.group_send("room", event)
        await witness.receive_json_from()
    while (closing := await outgoing.get())["type"] != "websocket.close":
        pass
    assert closing["code"] == CloseCode.TRY_AGAIN_LATER
    await incoming.put({"type": "websocket.disconnect", "code": 1013})
    await serving
    (line,) = [line for line in logs if line["log_level"] == "warning"]
    assert line["event"] == "Closing slow websocket"
    assert (line["request_id"], line["path"]) == ("slow", "/slow/")


async def test_handler_may_clean_up_when_the_client_vanishes() -> None:
    is_reached = asyncio.Event()
    lines = []

    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            is_reached.set()
            try:
                await asyncio.Event().wait()
            finally:
                await self.send_message(message)
                lines.append("handler")

        async def disconnect(self, code: int) -> None:
            lines.append("disconnect")

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.wait_for_auth()
    await client.send_json_to({"action": "ping"})
    await is_reached.wait()
    await client.disconnect()
    assert lines == ["handler", "disconnect"]


async def test_server_that_cancels_the_application_gets_a_clean_end(
    layer: InMemoryChannelLayer, leftover: Callable[[], set[str]]
) -> None:
    codes = []

    class Consumer(RoomConsumer):
        async def disconnect(self, code: int) -> None:
            codes.append(code)

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    await client.wait_for_auth()
    client.future.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.future
    assert codes == [CloseCode.ABNORMAL]
    assert layer.groups == {}
    assert not leftover()


async def test_send_that_fails_because_the_client_is_gone_is_no_error(logs: list[Any]) -> None:
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    handled = asyncio.Event()

    class Consumer(OpenConsumer):
        async def receive_message(self, message: Any, **kwargs: Any) -> None:
            await super().receive_message(message, **kwargs)
            await self.send_message(PongMessage())
            handled.set()

    async def send_output(event: Any) -> None:
        if event["type"] == "websocket.send" and "pong" in event["text"]:
            raise OSError("broken pipe")

    scope = {"type": "websocket", "path": "/ws/", "headers": []}
    serving = asyncio.ensure_future(Consumer.as_asgi()(scope, incoming.get, send_output))
    await incoming.put({"type": "websocket.connect"})
    await incoming.put({"type": "websocket.receive", "text": '{"action": "ping"}'})
    await handled.wait()
    await incoming.put({"type": "websocket.disconnect", "code": 1006})
    await serving
    assert get_errors(logs) == []


@pytest.mark.parametrize("kind", ["websocket.connect", "websocket.receive"])
async def test_plain_function_that_raises_at_once_is_an_error_like_others(
    kind: str, logs: list[Any]
) -> None:
    class Consumer(OpenConsumer):
        def dispatch(self, message: Any) -> Any:  # a function that returns an awaitable will do
            if message["type"] == kind:
                raise RuntimeError("secret")
            return super().dispatch(message)

    client = WebsocketCommunicator(Consumer.as_asgi(), "/ws/")
    await client.connect()
    if kind == "websocket.connect":
        await client.assert_closed(4500)
    else:
        await client.wait_for_auth()
        await client.send_json_to({"action": "ping"})
        assert await client.receive_all_json() == [
            {"action": "error", "payload": {"detail": "Failed to process message"}}
        ]
    await client.disconnect()
    assert len([line for line in logs if line["log_level"] == "error"]) == 1
