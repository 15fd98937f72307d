"""Other names on the wire: CAMELIZE and MESSAGE_ACTION_KEY."""

from typing import Any

import pytest

from chanx.testing import WebsocketCommunicator
from chanx.utils.settings import override_chanx_settings
from tests.app.consumers import OpenConsumer, RoomConsumer
from tests.app.messages import SaidMessage
from tests.conftest import Connect, Vary

camelized = override_chanx_settings(CAMELIZE=True)


class Waiter(RoomConsumer):
    """Sends orders back, and says to groups what it got."""

    send_completion = True

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Answer and tell."""
        await self.send_message(message)
        await self.send_group_message(SaidMessage(payload=message.payload), exclude_current=False)
        await self.send_to_groups({"action": "raw_dict", "as_it_is": 1}, exclude_current=False)
        await self.send_json({"action": "raw_dict", "as_it_is": 2})


@pytest.mark.usefixtures("layer")
@camelized
async def test_declared_fields_are_renamed_both_ways(vary: Vary, connect: Connect) -> None:
    class Consumer(Waiter):
        send_completion = False

    client = await connect(vary(Consumer))
    order = {"itemName": "tea", "howMany": 2, "extraNotes": {"snake_case": {"deep_er": 1}}}
    await client.send_json_to({"action": "order", "payload": order})
    found: dict[str, Any] = {}
    for _ in range(4):
        message = await client.receive_json_from()
        found[f"{message['action']} {message.get('as_it_is', '')}"] = message
    expected = {**order, "wantedAt": None}
    assert found == {
        "order ": {"action": "order", "payload": expected},
        "said ": {"action": "said", "payload": expected, "isMine": False, "isCurrent": True},
        "raw_dict 1": {"action": "raw_dict", "as_it_is": 1},
        "raw_dict 2": {"action": "raw_dict", "as_it_is": 2},
    }


@camelized
async def test_python_names_are_understood_too(vary: Vary, connect: Connect) -> None:
    client = await connect(vary(OpenConsumer))
    await client.send_json_to({"action": "order", "payload": {"item_name": "tea"}})
    (message,) = await client.receive_all_json()
    assert message["payload"]["itemName"] == "tea"


@camelized
async def test_authentication_message_is_camelized() -> None:
    client = WebsocketCommunicator(OpenConsumer.as_asgi(), "/ws/")
    await client.connect()
    assert await client.receive_json_from() == {
        "action": "authentication",
        "payload": {"statusCode": 200, "statusText": "OK", "data": {"detail": "OK"}},
    }
    await client.disconnect()


@camelized
async def test_errors_name_the_fields_as_the_client_does(vary: Vary, connect: Connect) -> None:
    client = await connect(vary(OpenConsumer))
    await client.send_json_to({"action": "order", "payload": {"itemName": 5, "howMany": "x"}})
    (message,) = await client.receive_all_json()
    assert [error["loc"] for error in message["payload"]] == [
        ["message", "order", "payload", "itemName"],
        ["message", "order", "payload", "howMany"],
    ]


async def test_names_stay_without_the_setting(connect: Connect) -> None:
    client = await connect(OpenConsumer.as_asgi())
    await client.send_json_to({"action": "order", "payload": {"itemName": "tea"}})
    (message,) = await client.receive_all_json()
    assert message["action"] == "error"


@pytest.mark.usefixtures("layer")
@override_chanx_settings(MESSAGE_ACTION_KEY="kind")
async def test_action_key_is_replaced_in_all_messages(vary: Vary) -> None:
    class Consumer(Waiter):
        async def do_nothing(self) -> None:
            pass

    client = WebsocketCommunicator(vary(Consumer), "/ws/")
    await client.connect()
    seen = [await client.receive_json_from()]
    await client.send_json_to({"kind": "order", "payload": {"item_name": "tea"}})
    seen += [await client.receive_json_from() for _ in range(7)]
    await client.send_json_to({"action": "order", "payload": {"item_name": "tea"}})
    seen += [await client.receive_json_from() for _ in range(2)]
    kinds = sorted(message.get("kind", message.get("action")) for message in seen)
    assert kinds == sorted(
        [
            *("authentication", "order", "said", "raw_dict", "raw_dict", "complete"),
            *("group_complete", "group_complete", "error", "complete"),
        ]
    )
    assert all("kind" in message or message["action"] == "raw_dict" for message in seen)
    await client.disconnect()


@pytest.mark.usefixtures("layer")
@override_chanx_settings(MESSAGE_ACTION_KEY="kind", CAMELIZE=True)
async def test_both_together(vary: Vary, connect: Connect) -> None:
    client = await connect(vary(OpenConsumer))
    await client.send_json_to({"kind": "order", "payload": {"itemName": "tea"}})
    (message,) = await client.receive_all_json()
    assert message["kind"] == "order"
    assert message["payload"]["itemName"] == "tea"
    await client.send_json_to({"kind": "unknown"})
    (message,) = await client.receive_all_json()
    assert message["kind"] == "error"
    assert "kind" in message["payload"][0]["msg"]
