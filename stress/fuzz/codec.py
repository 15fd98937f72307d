"""The codec as a consumer uses it, without a server."""

from typing import Any

from chanx.engine.codec import get_decoder, get_encoder
from chanx.exceptions import MessageInvalid
from chanx.messages.outgoing import ErrorMessage
from stress.site.rich import RichIncomingMessage

__all__ = ["answer"]


def answer(text: str, *, camelize: bool = False) -> bytes:
    """Return what a consumer that sends each message back sends for a text frame."""
    decoder = get_decoder(RichIncomingMessage, "action", camelize)
    message: Any
    try:
        message = decoder.decode(text)
    except MessageInvalid as error:
        message = ErrorMessage(payload=error.errors)
    return get_encoder("action", camelize).encode(message).encode()
