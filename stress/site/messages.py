"""The messages of the consumers under load, and of the one that tells how they are."""

from typing import Any, Literal

from pydantic import BaseModel

from chanx.messages.base import BaseIncomingMessage, BaseMessage


class EchoMessage(BaseMessage):
    """To be sent back."""

    action: Literal["echo"] = "echo"
    payload: Any = None


class Publication(BaseModel):
    """What is to be published: ``count`` numbers from ``start`` on, in the sender's name."""

    group: str
    sender: str
    start: int = 0
    count: int = 1
    padding: str = ""


class PublishMessage(BaseMessage):
    """Publishes to a group, the sender included; answered when all is published or has failed."""

    action: Literal["publish"] = "publish"
    payload: Publication


class Number(BaseModel):
    """One of a sender's numbers."""

    group: str
    sender: str
    number: int


class NumberMessage(BaseMessage):
    """What is published."""

    action: Literal["number"] = "number"
    payload: Number
    padding: str = ""


class PublishedMessage(BaseMessage):
    """The numbers that the broker did not take."""

    action: Literal["published"] = "published"
    payload: list[int]


class BlockMessage(BaseMessage):
    """Makes the handler wait until it is released; the key says by which release."""

    action: Literal["block"] = "block"
    payload: str = ""


class HangMessage(BaseMessage):
    """Makes the handler wait for ever."""

    action: Literal["hang"] = "hang"


class QueryMessage(BaseMessage):
    """Asks the database for the sum of the numbers up to this one."""

    action: Literal["query"] = "query"
    payload: int


class LoadIncomingMessage(BaseIncomingMessage):
    """What clients may send."""

    message: EchoMessage | PublishMessage | BlockMessage | HangMessage | QueryMessage


class Occurrence(BaseModel):
    """Something that the board counts, for clients whose names begin with ``prefix``."""

    event: str
    count: int
    prefix: str = ""


class WaitMessage(BaseMessage):
    """Asks for a report when something has happened this often."""

    action: Literal["wait"] = "wait"
    payload: Occurrence


class ReleaseMessage(BaseMessage):
    """Lets the handlers that wait under this key go on."""

    action: Literal["release"] = "release"
    payload: str


class Report(BaseModel):
    """The state of the process."""

    counts: dict[str, dict[str, int]]
    members: dict[str, int]
    memory: int
    """Bytes that are resident now."""
    tasks: list[str]
    """The names of all tasks, those of the server and of the control endpoint among them."""
    connections: int
    """Live connection objects of the engine, those of the control endpoint included."""
    registered: int
    """Connections that chanx.stats() knows."""
    stats: dict[str, Any]
    """Its counters."""


class ReportMessage(BaseMessage):
    """Asks for a report, or answers."""

    action: Literal["report"] = "report"
    payload: Report | None = None


class ControlIncomingMessage(BaseIncomingMessage):
    """What may be asked of the process."""

    message: WaitMessage | ReleaseMessage | ReportMessage
