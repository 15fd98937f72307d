"""The messages of the live site."""

from typing import Any, Literal

from pydantic import BaseModel

from chanx.messages.base import BaseIncomingMessage, BaseMessage
from chanx.messages.incoming import PingMessage


class EchoMessage(BaseMessage):
    """To be sent back."""

    action: Literal["echo"] = "echo"
    payload: Any = None


class NumberMessage(BaseMessage):
    """Has a payload of a type that can be missed."""

    action: Literal["number"] = "number"
    payload: int


class FailMessage(BaseMessage):
    """Makes the handler raise."""

    action: Literal["fail"] = "fail"


class BlockMessage(BaseMessage):
    """Makes the handler wait until the test releases it."""

    action: Literal["block"] = "block"


class Publication(BaseModel):
    """What is to be published, ``count`` times with the numbers from ``start`` on."""

    group: str
    start: int = 0
    count: int = 1
    padding: str = ""


class PublishMessage(BaseMessage):
    """Publishes to a group, the sender included."""

    action: Literal["publish"] = "publish"
    payload: Publication


class NumberedMessage(BaseMessage):
    """What is published."""

    action: Literal["numbered"] = "numbered"
    payload: int
    padding: str = ""


class NameMessage(BaseMessage):
    """Asks for the name of the connection's own channel, and answers."""

    action: Literal["name"] = "name"
    payload: str | None = None


class Address(BaseModel):
    """A channel, and a text for it."""

    channel: str
    text: str


class DirectMessage(BaseMessage):
    """Sends a text to the own channel of some connection."""

    action: Literal["direct"] = "direct"
    payload: Address


class TextMessage(BaseMessage):
    """A text that came as an event of the channel layer."""

    action: Literal["text"] = "text"
    payload: str


class LiveIncomingMessage(BaseIncomingMessage):
    """What clients may send."""

    message: (
        PingMessage
        | EchoMessage
        | NumberMessage
        | FailMessage
        | BlockMessage
        | PublishMessage
        | NameMessage
        | DirectMessage
    )


class Occurrence(BaseModel):
    """Something that the board counts, for clients whose names begin with ``prefix``."""

    event: str
    count: int
    prefix: str = ""


class WaitMessage(BaseMessage):
    """Asks for a report when something has happened this often."""

    action: Literal["wait"] = "wait"
    payload: Occurrence


class OpenGateMessage(BaseMessage):
    """Lets authentication go on."""

    action: Literal["open_gate"] = "open_gate"


class ReleaseMessage(BaseMessage):
    """Lets the handlers that wait go on."""

    action: Literal["release"] = "release"


class Report(BaseModel):
    """The state of the process."""

    counts: dict[str, dict[str, int]]
    members: dict[str, int]
    peak_memory: int
    events_lost: int


class ReportMessage(BaseMessage):
    """Asks for a report, or answers."""

    action: Literal["report"] = "report"
    payload: Report | None = None


class ControlIncomingMessage(BaseIncomingMessage):
    """What a test may ask of the process."""

    message: WaitMessage | OpenGateMessage | ReleaseMessage | ReportMessage
