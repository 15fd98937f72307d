"""What becomes of a frame: read, handled, refused, answered with an error."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from channels.exceptions import StopConsumer
from pydantic_core import from_json

from chanx.codes import CloseCode
from chanx.engine.codec import get_decoder, invalid
from chanx.engine.connection import Event
from chanx.engine.rate import TokenBucket
from chanx.engine.tasks import raise_own_cancellation
from chanx.exceptions import BrokerUnavailable, MessageInvalid
from chanx.generic.log_context import MESSAGE_ID, RECEIVED_ACTION
from chanx.generic.renewal import renew
from chanx.integrations.database import close_connections_when_due
from chanx.log import log_exception
from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.messages.incoming import AuthenticateMessage
from chanx.messages.outgoing import CompleteMessage, ErrorMessage, PongMessage
from chanx.settings import chanx_settings

if TYPE_CHECKING:
    from chanx.generic.driver import Driver

__all__ = ["Frames", "check_text"]

_FAILED: Final = {"detail": "Failed to process message"}
_NOT_YET: Final = {"detail": "Authenticate first"}
_PONG: Final = PongMessage.model_fields["action"].default
_AUTHENTICATE: Final = AuthenticateMessage.model_fields["action"].default
_CONNECT: Final = {"type": "websocket.connect"}
"""What goes wrong while a first message is handled goes wrong with the handshake."""

RunStep = Callable[[Callable[[Any], Awaitable[None]], Any, Event], Awaitable[bool]]


class Frames:
    """Handles the frames of one connection."""

    __slots__ = ("_bucket", "_consumer", "_count", "_driver", "_invalid", "_run")

    def __init__(self, driver: "Driver", consumer: Any, run: RunStep) -> None:
        self._driver = driver
        self._consumer = consumer
        self._run = run
        """Takes a step, and logs what goes wrong; False: it has failed, or ended the connection."""
        self._count = 0
        self._invalid = 0
        """Invalid messages since the last valid one."""
        self._bucket: TokenBucket | None = None

    def limit_rate(self, rate: float, burst: int, now: float) -> None:
        """Refuse what comes faster, from now on."""
        self._bucket = TokenBucket(rate, burst, now)

    async def handle(self, event: Event, now: float, has_waited: bool = False) -> str:
        """Handle a frame; tell the client what goes wrong, and log it. Return the outcome.

        ``has_waited``: the client sent it while others were being handled.
        """
        driver = self._driver
        if not driver.is_set_up:
            return await self._handle_first(event)
        if driver.closes_database:
            close_connections_when_due()
        if self._bucket and not self._bucket.take(now, has_waited):
            await self._run(self._refuse, self._bucket, event)
            return "refused"
        try:
            if driver.plan.receives_directly:
                await self._consumer.receive_message(self._read(event))
            else:
                self._bind()
                await self._consumer.dispatch(event)
        except (Exception, asyncio.CancelledError) as error:
            raise_own_cancellation(error)
            failure: BaseException = error
        else:
            self._invalid = 0
            return "handled"
        # Out of the except clause: what fails from here on is no consequence of this failure, and
        # its traceback is not told with it.
        try:
            return await self._handle_failure(failure, event)
        finally:
            del failure  # whose traceback holds this frame

    async def complete(self, event: Event) -> None:
        """Tell the client that a frame has been handled."""
        await self._run(self._consumer.send_message, CompleteMessage(), event)

    async def fail_late(self, event: Event) -> None:
        """Tell the client that its message took too long."""
        message = ErrorMessage(payload=_FAILED)
        is_told = await self._run(self._consumer.send_message, message, event)
        if is_told and self._driver.options.send_completion:
            await self.complete(event)

    def _read(self, event: Event) -> BaseMessage:
        self._bind()
        driver = self._driver
        message = driver.options.decoder.decode(event.get("text") or check_text(event.get("text")))
        RECEIVED_ACTION.set(message.action)
        if driver.options.log_received:
            driver.log_received(message.action)
        return message

    def _bind(self) -> None:
        self._count += 1
        MESSAGE_ID.set(f"{self._driver.id}:{self._count}")
        RECEIVED_ACTION.set(None)

    async def _handle_failure(self, error: BaseException, event: Event) -> str:
        """Answer a frame that was no message of the consumer's, or whose handler has failed."""
        is_invalid = isinstance(error, MessageInvalid)
        if is_invalid and (outcome := await self._handle_unknown(error, event)):
            return outcome
        await self._run(self._answer_error, error, event)
        return "invalid" if is_invalid else "failed"

    async def _answer_error(self, error: BaseException) -> None:
        if isinstance(error, StopConsumer):
            raise error
        driver = self._driver
        if isinstance(error, MessageInvalid):
            await self._answer_invalid(error)
            return
        if isinstance(error, BrokerUnavailable):
            # In an outage there may be thousands, and where they come from is of no interest.
            text = f"{type(error).__name__}: {error}"
            driver.log.error("Failed to process message", error=text)
        else:
            log_exception(driver.log, "Failed to process message", error)
        await driver.handle_database_error(error)
        self._invalid = 0
        await self._consumer.send_message(ErrorMessage(payload=_FAILED))

    async def _answer_invalid(self, error: MessageInvalid) -> None:
        payload: Any = error.errors
        if not self._driver.is_set_up and _AUTHENTICATE not in payload[0]["loc"][1:2]:
            payload = _NOT_YET
        self._driver.log.info("Received invalid websocket json", error=error.errors[0]["type"])
        self._invalid += 1
        await self._consumer.send_message(ErrorMessage(payload=payload))
        await self._close_if_invalid()

    async def _close_if_invalid(self) -> None:
        """Close a client that goes on sending what is invalid."""
        driver = self._driver
        bound = driver.limits.max_invalid_messages
        if bound is not None and self._invalid > bound:
            driver.log_closing("too many invalid messages", "MAX_INVALID_MESSAGES")
            await self._consumer.close(int(CloseCode.BAD_REQUEST))

    async def _refuse(self, bucket: TokenBucket) -> None:
        """Tell a client that it sends too much; close it if it goes on."""
        self._bind()
        if bucket.is_exhausted:
            self._driver.log_closing("too many messages", "MESSAGE_RATE, MESSAGE_BURST")
            await self._consumer.close(int(CloseCode.TOO_MANY_REQUESTS))
            return
        self._driver.log.info("Refused a message", setting="MESSAGE_RATE")
        payload = {
            "detail": "Too many messages",
            "retry_after": math.ceil(bucket.wait * 1000) / 1000,
        }
        await self._consumer.send_message(ErrorMessage(payload=payload))

    # --- messages that no schema knows ------------------------------------------------------------

    async def _handle_first(self, event: Event) -> str:
        """Handle a frame that came before the connection was set up."""
        waiting = self._driver.first_message
        if waiting is None:
            return "discarded"
        self._bind()
        try:
            token = self._read_token(event)
        except MessageInvalid as error:
            await self._run(self._answer_invalid, error, event)
            return "invalid"
        is_done = await self._run(waiting.take, token, _CONNECT)
        return "handled" if is_done else "failed"

    async def _handle_unknown(self, error: Any, event: Event) -> str | None:
        """Handle a message of ours, of which the schema knows nothing; return the outcome.

        None: it is not one.
        """
        driver = self._driver
        if error.errors[0]["type"] != "union_tag_invalid":
            return None
        action = _get_action(event)
        if action == _PONG and driver.has_heartbeat:
            return "handled"
        if action != _AUTHENTICATE or not driver.options.token_transports:
            return None
        try:
            if await renew(driver, self._consumer, self._read_token(event)):
                self._invalid = 0
                return "handled"
            self._invalid += 1
            await self._close_if_invalid()
        except (Exception, asyncio.CancelledError) as failure:
            raise_own_cancellation(failure)
            await self._run(self._answer_error, failure, event)
            return "invalid" if isinstance(failure, MessageInvalid) else "failed"
        return "invalid"

    def _read_token(self, event: Event) -> str:
        """Return the token of an ``authenticate`` message. Raises MessageInvalid."""
        # Not with the consumer's decoder, which knows no such message.
        settings = chanx_settings
        decoder = get_decoder(
            _Authenticating,
            settings.MESSAGE_ACTION_KEY,
            settings.CAMELIZE,
            self._driver.limits.max_json_depth,
        )
        message: Any = decoder.decode(check_text(event.get("text")))
        RECEIVED_ACTION.set(message.action)
        self._driver.log_received(message.action)
        token: str = message.payload.token
        return token


class _Authenticating(BaseIncomingMessage):
    message: AuthenticateMessage


def _get_action(event: Event) -> str | None:
    """Return the action of a frame that no schema knows, if it has one."""
    try:
        content = from_json(event.get("text") or "null")
    except ValueError:  # the consumer reads frames in a way of its own
        return None
    action = content.get(chanx_settings.MESSAGE_ACTION_KEY) if isinstance(content, dict) else None
    return action if isinstance(action, str) else None


def check_text(text: str | None) -> str:
    """Return the text of a frame; a binary frame has none and raises MessageInvalid."""
    if text is None:
        raise invalid("json_type", "Messages are JSON in text frames, and this frame is binary")
    return text
