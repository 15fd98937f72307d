"""What is sent and taken over sockets is what the document says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from channels.routing import ProtocolTypeRouter, URLRouter
from jsonschema import Draft7Validator
from rest_framework.permissions import IsAuthenticated

from chanx.asyncapi.document import make_document
from chanx.description.endpoints import describe
from chanx.messages.incoming import PingMessage
from chanx.messages.outgoing import PongMessage
from chanx.routing import path
from chanx.testing import WebsocketCommunicator
from chanx.utils.settings import settings_context
from tests.description.site import (
    Consumer,
    DrawMessage,
    DrawnMessage,
    EraseMessage,
    GroupOutgoing,
    Outgoing,
)

pytestmark = pytest.mark.usefixtures("layer")


class BoardConsumer(Consumer):
    """Sends everything that the document of the site's drawing speaks of."""

    OUTGOING_MESSAGE_SCHEMA = Outgoing
    OUTGOING_GROUP_MESSAGE_SCHEMA = GroupOutgoing

    async def build_groups(self) -> list[str]:
        """Have all in one."""
        return ["board"]

    async def receive_message(self, message: Any, **kwargs: Any) -> None:
        """Answer, tell all others, or fail."""
        match message:
            case PingMessage():
                await self.send_message(PongMessage())
            case DrawMessage():
                await self.send_message(message)
                drawn = DrawnMessage(payload=message.payload)
                await self.send_group_message(drawn, exclude_current=False)
            case EraseMessage(payload=0):
                raise RuntimeError
            case EraseMessage():
                pass


class ClosedConsumer(BoardConsumer):
    """Lets nobody in."""

    permission_classes = (IsAuthenticated,)


application = ProtocolTypeRouter(
    {
        "websocket": URLRouter(
            [path("board/", BoardConsumer.as_asgi()), path("closed/", ClosedConsumer.as_asgi())]
        )
    }
)

DRAWING: dict[str, Any] = {
    "shape": {"kind": "circle", "radius_in_mm": 1.5},
    "drawn_at": "2025-01-31T12:00:00Z",
    "extra": {"own_key": 1},
    "tree": {"label_text": "x", "children": [{"label_text": "y", "children": []}]},
}
TAKEN: list[Any] = [
    {"action": "ping"},
    {"action": "ping", "payload": None},
    {"action": "ping", "payload": {"any": "thing"}},
    {"action": "erase", "payload": 1},
    {"action": "wipe", "payload": 1},
    {"action": "wipe", "payload": 1, "beside": True},
    {"action": "draw", "payload": DRAWING},
    {"action": "draw", "payload": {**DRAWING, "shape": {"kind": "square", "corner": [1, 2]}}},
    {"action": "draw", "payload": {**DRAWING, "colour": "blue", "drawn_at": None, "tags": []}},
]
REFUSED: list[Any] = [
    {},
    [],
    {"payload": 1},
    {"action": "nothing"},
    {"action": "erase"},
    {"action": "erase", "payload": None},
    {"action": "erase", "payload": 1.5},
    {"action": "draw", "payload": {**DRAWING, "shape": {"kind": "oval"}}},
    {"action": "draw", "payload": {**DRAWING, "shape": {"kind": "square", "corner": [1]}}},
    {"action": "draw", "payload": {**DRAWING, "shape": {"kind": "circle", "radius_in_mm": 0}}},
    {"action": "draw", "payload": {**DRAWING, "colour": "green"}},
    {"action": "draw", "payload": {**DRAWING, "extra": {"a": "b"}}},
    {"action": "draw", "payload": {**DRAWING, "tree": {"children": []}}},
]
NAMES = {"action": "type", "radius_in_mm": "radiusInMm", "drawn_at": "drawnAt"}
NAMES["label_text"] = "labelText"
SETTINGS: list[dict[str, Any]] = [
    {},
    {"SEND_COMPLETION": True},
    {"CAMELIZE": True, "MESSAGE_ACTION_KEY": "type", "SEND_COMPLETION": True},
]


def rename(data: Any, values: dict[str, Any]) -> Any:
    """Return a message with the names that these settings give to its keys."""
    if not values.get("CAMELIZE"):
        return data
    if isinstance(data, list):
        return [rename(each, values) for each in data]
    if isinstance(data, dict):
        return {NAMES.get(key, key): rename(each, values) for key, each in data.items()}
    return data


class Side:
    """What the document says of the messages that go one way."""

    def __init__(self, document: dict[str, Any], operation: str) -> None:
        self._document = document
        references = document["operations"][operation]["messages"]
        names = [each["$ref"].rpartition("/")[2] for each in references]
        self._messages = [document["components"]["messages"][name] for name in names]

    def find(self, frame: Any) -> Iterator[str]:
        """Yield the names of the messages that a frame is."""
        for message in self._messages:
            schema = {**message["payload"], "components": self._document["components"]}
            if Draft7Validator(schema).is_valid(frame):
                yield message["name"]


def make_sides(name: str) -> tuple[Side, Side]:
    document = json.loads(json.dumps(make_document(describe(application))))
    return Side(document, f"receive_{name}"), Side(document, f"send_{name}")


@pytest.mark.parametrize("values", SETTINGS)
async def test_all_that_is_sent_is_in_the_document(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACTION_COMPLETE", "GROUP_ACTION_COMPLETE"):  # which it leaves out
        monkeypatch.setattr(f"chanx.testing.{name}", None)
    with settings_context(SEND_AUTHENTICATION_MESSAGE=True, **values):
        _, sent = make_sides("BoardConsumer")
        clients = [WebsocketCommunicator(application, "/board/") for _ in range(2)]
        for client in clients:
            await client.connect()
        for message in [*TAKEN, {"action": "erase", "payload": 0}, *REFUSED]:
            await clients[0].send_json_to(rename(message, values))
        found: set[str] = set()
        for client in clients:
            for frame in await client.receive_all_json():
                names = list(sent.find(frame))
                assert len(names) == 1, frame
                found.update(names)
            await client.disconnect()
    expected = {"PongMessage", "DrawMessage", "DrawnMessage", "AuthenticationMessage"}
    if values:
        expected |= {"CompleteMessage", "GroupCompleteMessage"}
    assert found == expected | {"ErrorMessage"}


@pytest.mark.parametrize("values", SETTINGS)
async def test_refusals_are_in_the_document(values: dict[str, Any]) -> None:
    with settings_context(SEND_AUTHENTICATION_MESSAGE=True, **values):
        _, sent = make_sides("ClosedConsumer")
        client = WebsocketCommunicator(application, "/closed/")
        await client.connect()
        frame = await client.receive_json_from()
        assert list(sent.find(frame)) == ["AuthenticationMessage"]
        await client.disconnect_if_running()


@pytest.mark.parametrize("values", SETTINGS)
async def test_what_is_taken_is_what_the_document_allows(values: dict[str, Any]) -> None:
    with settings_context(**values):
        taken, _ = make_sides("BoardConsumer")
        client = WebsocketCommunicator(application, "/board/")
        await client.connect()
        await client.receive_all_json()
        for message in (*TAKEN, *REFUSED):
            sent = rename(message, values)
            await client.send_json_to(sent)
            key = "type" if values.get("CAMELIZE") else "action"
            is_taken = "error" not in [each[key] for each in await client.receive_all_json()]
            assert is_taken is (message in TAKEN)
            assert len(list(taken.find(sent))) == is_taken, sent
        await client.disconnect()
