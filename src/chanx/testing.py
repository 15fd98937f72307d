"""Test tools: a client at ASGI level that knows from its consumer when a frame is handled.

Nothing here needs daphne, and nothing sleeps.
"""

import asyncio
import functools
import inspect
import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

from asgiref.testing import ApplicationCommunicator
from django.core.exceptions import ImproperlyConfigured
from django.test import TransactionTestCase

from chanx.engine.codec import get_decoder, get_encoder
from chanx.engine.drain import undrain
from chanx.integrations.application import load_application
from chanx.integrations.credentials import make_bearer_subprotocol
from chanx.integrations.discovery import get_websocket_application
from chanx.integrations.observer import SCOPE_KEY, ConnectionObserver, Patience
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.messages.outgoing import (
    ACTION_COMPLETE,
    GROUP_ACTION_COMPLETE,
    AuthenticationMessage,
)
from chanx.settings import chanx_settings

__all__ = ["WebsocketCommunicator", "WebsocketTestCase", "bearer_subprotocol"]

Headers = Iterable[tuple[bytes, bytes]]


def bearer_subprotocol(token: str) -> str:
    """Return the subprotocol that carries a token, to be offered beside "chanx"."""
    return make_bearer_subprotocol(token)


_AT_ONCE: Final = 0.001
"""Seconds. Older releases of asgiref end more than they should where it is nothing."""

# asgiref's class has no annotations.
_Communicator: Any = ApplicationCommunicator


class WebsocketCommunicator(_Communicator):  # type: ignore[misc]  # the base is Any
    """A WebSocket client for an ASGI application in the same process.

    It has the methods of Channels' class of this name, and those that know messages. Consumers that
    are not chanx's can be tested with the former only.
    """

    def __init__(
        self,
        application: Any,
        path: str,
        headers: Headers | None = None,
        subprotocols: Iterable[str] | None = None,
        spec_version: str | None = None,
    ) -> None:
        url = urlsplit(path)
        self._observer = ConnectionObserver()
        scope: dict[str, Any] = {
            "type": "websocket",
            "path": unquote(url.path),
            "query_string": url.query.encode(),
            "headers": list(headers or ()),
            "subprotocols": list(subprotocols or ()),
            SCOPE_KEY: self._observer,
        }
        if spec_version:
            scope["spec_version"] = spec_version
        super().__init__(application, scope)
        self.response_headers: list[tuple[bytes, bytes]] | None = None
        self._frames_sent = 0
        self._deliveries_seen = 0
        self._close_code: int | None = None
        self._refused_with: int | None = None

    # --- as in Channels -------------------------------------------------------------------------

    async def connect(self, timeout: float = 1) -> tuple[bool, Any]:
        """Open; return (True, subprotocol) or (False, close code)."""
        await self.send_input({"type": "websocket.connect"})
        response = await self.receive_output(timeout)
        if response["type"] == "websocket.close":
            self._refused_with = response.get("code", 1000)
            return False, self._refused_with
        assert response["type"] == "websocket.accept", f"Not an answer to connect: {response}"
        self.response_headers = response.get("headers", [])
        return True, response.get("subprotocol")

    async def receive_output(self, timeout: float = 1) -> Any:
        """Return the next event of the application, and remember the code if it is a close.

        When none comes the application is ended: TimeoutError, or what it raised.
        """
        try:
            return await self._receive(Patience(timeout))
        except TimeoutError:
            return await super().receive_output(_AT_ONCE)

    async def _receive(self, patience: Patience) -> Any:
        """Return the next event. Raises TimeoutError, and the application goes on."""
        if self.future.done():
            self.future.result()  # raises what the application raised
        event = await patience.wait(self.output_queue.get)
        if event["type"] == "websocket.close":
            self._close_code = event.get("code", 1000)
        return event

    async def send_to(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Send a text or a binary frame, which may be empty."""
        if (text_data is None) == (bytes_data is None):
            raise TypeError("Give one of text_data and bytes_data")
        event: dict[str, Any] = {"type": "websocket.receive"}
        if text_data is not None:
            event["text"] = text_data
        else:
            event["bytes"] = bytes_data
        self._frames_sent += 1
        await self.send_input(event)

    async def send_json_to(self, data: Any) -> None:
        """Send a text frame with the JSON of ``data``."""
        await self.send_to(text_data=json.dumps(data))

    async def receive_from(self, timeout: float = 1) -> str | bytes:
        """Return the content of the next frame. Fails when the connection is closed instead."""
        return _get_content(await self.receive_output(timeout))

    async def receive_json_from(self, timeout: float = 1) -> Any:
        """Return the parsed JSON of the next frame, which must be a text frame."""
        return _parse(await self.receive_from(timeout))

    async def wait(self, timeout: float = 1) -> None:
        """Wait until the application has ended, and end it if it has not by then."""
        try:
            is_over = await Patience(timeout).is_done(self.future)
        except asyncio.CancelledError:
            self.future.cancel()
            raise
        await super().wait(timeout if is_over else _AT_ONCE)

    async def disconnect(self, code: int = 1000, timeout: float = 1) -> None:
        """Close from the client's side, and wait until the application has ended."""
        await self.send_input({"type": "websocket.disconnect", "code": code})
        await self.wait(timeout)

    async def disconnect_if_running(self) -> None:
        """Close like ``disconnect``, unless never connected or already over."""
        # asgiref 3.9 made the future when it is first needed; before, it was there from the start.
        future = getattr(self, "_future", None) or vars(self).get("future")
        if future is not None and not future.done():
            await self.disconnect()

    # --- messages -------------------------------------------------------------------------------

    async def send_message(self, message: BaseMessage) -> None:
        """Send a message as a client of this site would spell it."""
        await self.send_to(text_data=get_encoder(*_get_names()).encode(message))

    async def receive_all_json(
        self, timeout: float = 5, *, wait_group: bool = False
    ) -> list[dict[str, Any]]:
        """Return the messages that came until all frames sent so far were handled.

        What a handler publishes to groups of this process has reached them by then. With
        ``wait_group`` the end is when a group message has come that no earlier such call waited
        for. Completion messages are left out. Raises TimeoutError.
        """
        observer = self._observer
        frames = self._frames_sent
        if wait_group:
            seen = self._deliveries_seen
            await self._wait(
                lambda: (
                    observer.is_finished
                    or (observer.group_deliveries > seen and observer.is_settled(0))
                ),
                timeout,
                "no group message came",
            )
            self._deliveries_seen = observer.group_deliveries
        else:
            await self._wait(
                lambda: observer.is_settled(frames), timeout, "the frames sent are not handled"
            )
        messages = []
        while not self.output_queue.empty():
            event = self.output_queue.get_nowait()
            if event["type"] == "websocket.close":
                self.output_queue.put_nowait(event)
                break
            assert event.get("text") is not None, "Expected a text frame, got a binary one"
            messages.append(json.loads(event["text"]))
        completions = (ACTION_COMPLETE, GROUP_ACTION_COMPLETE)
        return [message for message in messages if _get_action(message) not in completions]

    async def receive_until_action(
        self, action: str, timeout: float = 5, *, inclusive: bool = False
    ) -> list[dict[str, Any]]:
        """Return the messages up to the first with this action, with it if ``inclusive``.

        Raises TimeoutError when none comes.
        """
        messages: list[dict[str, Any]] = []
        patience = Patience(timeout)
        try:
            while True:
                message = _parse(_get_content(await self._receive(patience)))
                if _get_action(message) == action:
                    return [*messages, message] if inclusive else messages
                messages.append(message)
        except TimeoutError:
            if self.future.done():
                self.future.result()  # raises what the application raised
            actions = [_get_action(message) for message in messages]
            raise TimeoutError(f"No message {action!r} came, but {actions}") from None

    async def wait_for_auth(
        self,
        send_authentication_message: bool | None = None,
        max_auth_time: float = 0.5,
        after_auth_time: float = 0.1,
    ) -> AuthenticationMessage | None:
        """Wait until authentication has ended; return its message, or None when none is sent.

        ``send_authentication_message``: whether one is expected; None: if the consumer sends one.
        ``max_auth_time`` is in seconds. ``after_auth_time`` is taken for the sake of older tests:
        nothing needs to be waited for after the message.
        """
        observer = self._observer
        await self._wait(
            lambda: (
                observer.authentication_result is not None
                or observer.is_finished
                or observer.is_closed
            ),
            max_auth_time,
            "authentication has not ended",
        )
        if send_authentication_message is None:
            send_authentication_message = observer.sends_authentication
        if not send_authentication_message:
            return None
        decoder = get_decoder(_Authentication, *_get_names())
        message = decoder.decode_content(await self.receive_json_from(max_auth_time))
        return cast("AuthenticationMessage", message)

    async def assert_authenticated_status_ok(self, max_auth_time: float = 0.5) -> None:
        """Fail unless authentication ends with 200, told by a message or not."""
        await self.wait_for_auth(max_auth_time=max_auth_time)
        result = self._observer.authentication_result
        status = result.status_code if result else None
        assert status == HTTPStatus.OK, f"Authentication ended with {status}, not with 200"

    async def assert_closed(self, code: int | None = None) -> None:
        """Fail unless the application closes the connection, with this code if one is given."""
        skipped: list[Any] = []
        while self._close_code is None:
            try:
                skipped.append(await self.receive_output())
            except TimeoutError:
                raise AssertionError(f"Not closed; received {skipped}") from None
        assert code is None or self._close_code == code, (
            f"Closed with {self._close_code}, not with {code}"
        )

    async def _wait(self, condition: Callable[[], bool], timeout: float, problem: str) -> None:
        assert self._refused_with is None, (
            f"The application refused the connection with {self._refused_with}: connect() returned "
            "False. If it checks origins, is the client's 'origin' header in ALLOWED_HOSTS?"
        )
        application = self.future
        observer = self._observer
        application.add_done_callback(lambda _: observer.notify())
        try:
            await observer.wait_for(lambda: application.done() or condition(), timeout)
        except TimeoutError:
            raise TimeoutError(f"After {timeout:g} s {problem}") from None
        if application.done():
            application.result()  # raises what the application raised


class _Authentication(BaseIncomingMessage):
    message: AuthenticationMessage


def _get_names() -> tuple[str, bool]:
    return chanx_settings.MESSAGE_ACTION_KEY, chanx_settings.CAMELIZE


def _get_content(event: Any) -> str | bytes:
    assert event["type"] == "websocket.send", f"Expected a frame, got {event}"
    text: str | None = event.get("text")
    return text if text is not None else bytes(event["bytes"])


def _parse(content: str | bytes) -> Any:
    assert isinstance(content, str), "Expected a text frame, got a binary one"
    return json.loads(content)


def _get_action(message: Any) -> Any:
    is_object = isinstance(message, dict)
    return message.get(chanx_settings.MESSAGE_ACTION_KEY) if is_object else None


class WebsocketTestCase(TransactionTestCase):
    """A test case that makes clients for one path, and disconnects them after each test."""

    ws_path: str = ""
    """The path that clients connect to, with its query string if any."""
    router: Any = None
    """The ASGI application; None: what serves WebSockets in ASGI_APPLICATION."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._communicators: list[WebsocketCommunicator] = []
        self._auth_communicator: WebsocketCommunicator | None = None

    def __call__(self, result: Any = None) -> Any:
        """Run the test; an async one with its clients disconnected in its own event loop."""
        name = self._testMethodName
        method = getattr(self, name)
        if inspect.iscoroutinefunction(method):

            @functools.wraps(method)
            async def run() -> None:
                try:
                    await method()
                except BaseException:
                    await self._disconnect_all()  # what fails here matters less
                    raise
                if failures := await self._disconnect_all():
                    raise failures[0]

            setattr(self, name, run)
        return super().__call__(result)

    def get_ws_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of new clients. Override to authenticate them."""
        return []

    def get_subprotocols(self) -> list[str]:
        """Return the subprotocols that new clients offer."""
        return []

    def create_communicator(
        self,
        *,
        router: Any = None,
        ws_path: str | None = None,
        headers: Headers | None = None,
        subprotocols: Iterable[str] | None = None,
    ) -> WebsocketCommunicator:
        """Return a new client; what is not given comes from the test case.

        Raises AttributeError without a path, and ValueError when no application is found.
        """
        path = ws_path or self.ws_path
        if not path:
            raise AttributeError(
                f"{type(self).__name__} has no ws_path: set it on the class or pass ws_path"
            )
        communicator = WebsocketCommunicator(
            router or self._get_router() or self._find_application(),
            path,
            headers=self.get_ws_headers() if headers is None else headers,
            subprotocols=self.get_subprotocols() if subprotocols is None else subprotocols,
        )
        self._communicators.append(communicator)
        return communicator

    @property
    def auth_communicator(self) -> WebsocketCommunicator:
        """The client of this test, made at first use."""
        if self._auth_communicator is None:
            self._auth_communicator = self.create_communicator()
        return self._auth_communicator

    def _get_router(self) -> Any:
        # What as_asgi() returns is a function, and would come out of the class as a bound method.
        router = inspect.getattr_static(self, "router")
        return self.router if isinstance(router, property | staticmethod) else router

    def _find_application(self) -> Any:
        try:
            application = get_websocket_application(load_application())
        except ImproperlyConfigured as error:
            raise ValueError(f"{type(self).__name__} has no router, and {error}") from error
        if application is None:
            raise ValueError(
                f"{type(self).__name__} has no router, and ASGI_APPLICATION serves no WebSockets: "
                'add "websocket" to its ProtocolTypeRouter, or set router on the class'
            )
        return application

    async def _disconnect_all(self) -> list[Exception]:
        undrain()  # a test that drains is not to refuse the clients of the next
        communicators, self._communicators = self._communicators, []
        self._auth_communicator = None
        failures: list[Exception] = []
        for communicator in communicators:
            try:
                await communicator.disconnect_if_running()
            except Exception as error:  # the others are disconnected all the same
                failures.append(error)
        return failures
