"""What the chat sends and takes is what its committed document says."""

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator
from websockets.sync.client import ClientConnection, connect

from tests.examples.demo import GENERAL, SITE, TIMEOUT, Demo

pytestmark = pytest.mark.live

DOCUMENT = json.loads((SITE / "asyncapi.json").read_text(encoding="utf-8"))


def find_messages(direction: str) -> dict[str, Any]:
    """Return the messages that go one way, by the names of their classes."""
    [operation] = [each for each in DOCUMENT["operations"].values() if each["action"] == direction]
    names = [each["$ref"].rpartition("/")[2] for each in operation["messages"]]
    found = [DOCUMENT["components"]["messages"][name] for name in names]
    return {message["name"]: message for message in found}


def name_frame(text: str) -> str:
    """Return the name of the one message of the document that this is."""
    frame = json.loads(text)
    [found] = [
        name
        for name, message in find_messages("send").items()
        if Draft7Validator({**message["payload"], "components": DOCUMENT["components"]}).is_valid(
            frame
        )
    ]
    return found


def read_until(socket: ClientConnection, action: str) -> set[str]:
    """Return what the frames are up to the first of this action."""
    found = set()
    while True:
        text = str(socket.recv(timeout=TIMEOUT))
        found.add(name_frame(text))
        if json.loads(text)["action"] == action:
            return found


def test_frames_are_those_of_the_document(demo: Demo) -> None:
    url = f"ws://127.0.0.1:{demo.port}/ws/rooms/{GENERAL}/"
    headers = [{"Authorization": f"Token {demo.get_token(name)}"} for name in ("alice", "bob")]
    with (
        connect(url, additional_headers=headers[0], open_timeout=TIMEOUT) as alice,
        connect(url, additional_headers=headers[1], open_timeout=TIMEOUT) as bob,
    ):
        seen = read_until(alice, "authentication") | read_until(bob, "authentication")
        for name, message in find_messages("receive").items():
            if name == "AuthenticateMessage":  # for sockets that nobody has authenticated yet
                continue
            for example in message["examples"]:
                alice.send(json.dumps(example["payload"]))
        alice.send('{"action": "nothing"}')
        seen |= read_until(alice, "error")
        bob.send('{"action": "ping"}')
        seen |= read_until(bob, "pong")
    assert {"AuthenticationMessage", "ErrorMessage", "PongMessage", "ChatGroupMessage"} <= seen
