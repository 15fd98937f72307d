"""Snippets, run as they stand against a server that notes what comes."""

import json
import os
import subprocess
import sys
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal

import pytest
from django.test import override_settings
from pydantic import BaseModel, Field
from rest_framework.authentication import (
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework_simplejwt.authentication import JWTAuthentication
from websockets.sync.server import Server, ServerConnection, serve

from chanx.description import documented
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.messages.incoming import PingMessage
from chanx.reference.literals import write_javascript, write_python
from chanx.reference.snippets import Snippet, make_snippets
from chanx.routing import path
from tests.description.site import Consumer, EraseMessage, StampAuthentication, describe_routes

TOKEN = "se/cr?et"
ENCODED = urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
ENCODED_BEARER = urlsafe_b64encode(f"Bearer {TOKEN}".encode()).decode().rstrip("=")
ERASE = {"action": "erase", "payload": 3}
AUTHENTICATE = {"action": "authenticate", "payload": {"token": TOKEN}}


class Incoming(BaseIncomingMessage):
    """A ping, and what says something."""

    message: PingMessage | EraseMessage


class Recorder:
    """A server that notes a handshake, lets everybody in, notes what follows, and then refuses.

    ``takes_token``: the first frame is for the authentication. ``early``: came before its answer.
    """

    def __init__(self, server: Server) -> None:
        self.takes_token = False
        self.early: list[Any] = []
        self.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        self.handshakes: list[Any] = []
        self.frames: list[Any] = []
        self.codes: list[int | None] = []
        self.ended = threading.Event()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    def handle(socket: ServerConnection) -> None:
        found.handshakes.append(socket.request)
        if found.takes_token:
            found.frames.append(json.loads(socket.recv()))
        socket.ping().wait()  # what was sent before the client's answer to it is here by now
        with suppress(TimeoutError):
            found.early.append(socket.recv(timeout=0))
        socket.send('{"action": "authentication"}')
        for text in socket:
            found.frames.append(json.loads(text))
            socket.close(4403, "not today")
        found.codes.append(socket.close_code)
        found.ended.set()

    def select(socket: ServerConnection, names: Any) -> Any:
        return "chanx" if "chanx" in names else None

    with serve(handle, "127.0.0.1", 0, select_subprotocol=select) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found = Recorder(server)
        yield found
        server.shutdown()
        thread.join()


def make(
    server: str, *classes: Any, login: bool = True, transports: tuple[str, ...] = ()
) -> tuple[Snippet, ...]:
    options: dict[str, Any] = {
        "authentication_classes": classes,
        "permission_classes": [IsAuthenticated if login else AllowAny],
        "INCOMING_MESSAGE_SCHEMA": Incoming,
    }
    if transports:
        options["token_transports"] = transports
    consumer: Any = type("ThingConsumer", (Consumer,), options)
    [endpoint] = describe_routes(path("things/<str:name>/", consumer.as_asgi())).endpoints
    return make_snippets(endpoint, server)


def choose(snippets: tuple[Snippet, ...], language: str, label: str) -> str:
    [found] = [each for each in snippets if (each.language, each.label) == (language, label)]
    return found.code


def run_python(code: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


PROGRAMS: dict[str, Any] = {
    "token": ((TokenAuthentication,), (), "Token", {"Authorization": f"Token {TOKEN}"}, None),
    "jwt": ((JWTAuthentication,), (), "JSON Web Token", {"Authorization": f"Bearer {TOKEN}"}, None),
    "basic": (
        (BasicAuthentication,),
        (),
        "User name and password",
        {"Authorization": f"Basic {b64encode('ann:pässword'.encode()).decode()}"},
        None,
    ),
    "session": ((SessionAuthentication,), (), "Session", {"Cookie": "sessionid=abc"}, None),
    "subprotocol": (
        (TokenAuthentication,),
        ("subprotocol",),
        "Token",
        {"Sec-WebSocket-Protocol": f"chanx, chanx.bearer.{ENCODED}"},
        None,
    ),
    "second kind": (
        (TokenAuthentication, JWTAuthentication),
        ("subprotocol",),
        "JSON Web Token",
        {"Sec-WebSocket-Protocol": f"chanx, chanx.bearer.{ENCODED_BEARER}"},
        None,
    ),
    "query": ((TokenAuthentication,), ("query",), "Token", {}, "?token=se/cr%3Fet"),
    "message": ((TokenAuthentication,), ("message",), "Token", {}, None),
}


@pytest.mark.parametrize("case", PROGRAMS)
def test_python(recorder: Recorder, case: str) -> None:
    classes, transports, label, headers, query = PROGRAMS[case]
    recorder.takes_token = case == "message"
    code = choose(make(recorder.url, *classes, transports=transports), "Python", label)
    environment = {"TOKEN": TOKEN, "USER_NAME": "ann", "PASSWORD": "pässword", "SESSION": "abc"}
    output = run_python(code, **environment)
    assert output.splitlines() == ['{"action": "authentication"}', "closed 4403 not today"]
    [handshake] = recorder.handshakes
    assert handshake.path == "/things/example/" + (query or "")
    assert {name: handshake.headers[name] for name in headers} == headers
    assert recorder.frames == [*([AUTHENTICATE] if recorder.takes_token else []), ERASE]
    assert recorder.early == []
    assert TOKEN not in code


class CountMessage(BaseMessage):
    action: Literal["count"] = "count"
    payload: Annotated[int, Field(examples=[1146457891234567891])]


class CountIncoming(BaseIncomingMessage):
    message: CountMessage


@pytest.mark.browser
def test_javascript_sends_large_numbers_as_they_are(recorder: Recorder, browser: Any) -> None:
    consumer: Any = type("CountConsumer", (Consumer,), {"INCOMING_MESSAGE_SCHEMA": CountIncoming})
    [endpoint] = describe_routes(path("counts/", consumer.as_asgi())).endpoints
    code = make_snippets(endpoint, recorder.url)[0].code
    page = browser.new_page()
    with page.expect_console_message(lambda line: line.text == "closed 4403 not today"):
        page.evaluate(f"() => {{\n{code}\n}}")
    page.close()
    assert recorder.frames == [{"action": "count", "payload": 1146457891234567891}]


def test_python_says_when_a_handshake_is_refused() -> None:
    def refuse(socket: ServerConnection, request: Any) -> Any:
        return socket.respond(403, '{"detail": "no"}')

    with serve(lambda _: None, "127.0.0.1", 0, process_request=refuse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        code = choose(make(url, login=False), "Python", "No login")
        output = run_python(code)
        server.shutdown()
        thread.join()
    assert output.splitlines() == ["refused 403", '{"detail": "no"}']


BROWSER: dict[str, Any] = {
    "subprotocol": PROGRAMS["subprotocol"],
    "second kind": PROGRAMS["second kind"],
    "query": (*PROGRAMS["query"][:4], "?token=se%2Fcr%3Fet"),
    "message": PROGRAMS["message"],
    "message, beside another way": (
        (TokenAuthentication,),
        ("header", "subprotocol", "message"),
        "Token as first message",
        {"Sec-WebSocket-Protocol": "chanx"},
        None,
    ),
}


@pytest.mark.browser
@pytest.mark.parametrize("case", BROWSER)
def test_javascript(recorder: Recorder, browser: Any, case: str) -> None:
    classes, transports, label, headers, query = BROWSER[case]
    code = choose(make(recorder.url, *classes, transports=transports), "JavaScript", label)
    recorder.takes_token = case.startswith("message")
    page = browser.new_page()
    page.on("dialog", lambda dialog: dialog.accept(TOKEN))
    with page.expect_console_message(lambda line: line.text == "closed 4403 not today"):
        page.evaluate(f"() => {{\n{code}\n}}")
    page.close()
    [handshake] = recorder.handshakes
    assert handshake.path == "/things/example/" + (query or "")
    assert {name: handshake.headers[name] for name in headers} == headers
    assert recorder.frames == [*([AUTHENTICATE] if recorder.takes_token else []), ERASE]
    assert recorder.early == []


def test_which_snippets_there_are() -> None:
    def list_names(*classes: Any, login: bool = True, **options: Any) -> list[str]:
        found = make("ws://x", *classes, login=login, **options)
        return [f"{each.language}: {each.label}" for each in found]

    assert list_names(SessionAuthentication) == ["JavaScript: Session", "Python: Session"]
    assert list_names(BasicAuthentication) == ["Python: User name and password"]
    assert list_names(TokenAuthentication) == ["JavaScript: Token", "Python: Token"]
    assert list_names(TokenAuthentication, transports=("header",)) == ["Python: Token"]
    assert list_names(login=False) == ["JavaScript: No login", "Python: No login"]
    assert list_names(StampAuthentication) == ["JavaScript: No login", "Python: No login"]
    assert list_names(TokenAuthentication, login=False) == [
        "JavaScript: No login",
        "JavaScript: Token",
        "Python: Token",
        "Python: No login",
    ]


def test_snippets_know_what_tells_them_that_they_are_in() -> None:
    def write(action_key: str) -> str:
        [endpoint] = describe_routes(path("things/", Consumer.as_asgi())).endpoints
        return make_snippets(endpoint, "ws://x", action_key)[0].code

    assert 'if (received.kind === "authentication")' in write("kind")
    assert 'if (received["@type"] === "authentication")' in write("@type")
    assert "onopen" not in write("kind")
    with override_settings(CHANX={"SEND_AUTHENTICATION_MESSAGE": False}):
        assert "socket.onopen = () => {\n  socket.send(" in write("kind")


def test_address_is_one_that_a_url_may_be() -> None:
    [endpoint] = describe_routes(path("a b/<str:größe>/ä/", Consumer.as_asgi())).endpoints
    [javascript, _] = make_snippets(endpoint, "wss://example.com")
    assert '"wss://example.com/a%20b/example/%C3%A4/"' in javascript.code
    assert "put in your own: größe" in javascript.code


VALUES: list[Any] = [
    None,
    True,
    1.5,
    'it\'s "quoted" \\ \n ü \u2028 </script>',
    [],
    {},
    {"a": [1, {"b": None}], "long": ["x" * 30, "y" * 30, {"deep": [True, False] * 20}]},
    [[{"key": "value" * 20}], "z" * 100],
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("indent", [0, 12])
def test_literals_mean_the_value(value: Any, indent: int) -> None:
    assert json.loads(write_javascript(value, indent)) == value
    assert eval(write_python(value, indent)) == value


def test_short_parts_of_literals_take_one_line() -> None:
    value = {"action": "chat", "payload": {"text": "string", "client_id": None}}
    assert write_javascript(value, 2) == (
        '{\n    "action": "chat",\n    "payload": {"text": "string", "client_id": null}\n  }'
    )
    assert write_python(value, 4) == (
        '{\n        "action": "chat",\n'
        '        "payload": {"text": "string", "client_id": None},\n    }'
    )


def test_note_names_the_environment_that_is_read() -> None:
    for snippet in make("ws://x", SessionAuthentication, TokenAuthentication, BasicAuthentication):
        if snippet.language == "Python":
            for name in ("TOKEN", "SESSION", "USER_NAME", "PASSWORD"):
                assert (f'["{name}"]' in snippet.code.replace("'", '"')) == (
                    name in snippet.note.replace(".", "").split()
                )


class Query(BaseModel):
    since: int
    kinds: list[str]
    limit: int = 5


def test_query_has_what_is_required(recorder: Recorder) -> None:
    options = {
        "authentication_classes": [TokenAuthentication],
        "token_transports": ["query"],
        "permission_classes": [IsAuthenticated],
    }
    consumer: Any = documented(query=Query)(type("ThingConsumer", (Consumer,), options))
    [endpoint] = describe_routes(path("things/", consumer.as_asgi())).endpoints
    run_python(choose(make_snippets(endpoint, recorder.url), "Python", "Token"), TOKEN=TOKEN)
    [handshake] = recorder.handshakes
    assert handshake.path == "/things/?since=1&kinds=string&token=se/cr%3Fet"
