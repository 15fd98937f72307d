"""What one process of the site tells all of them to do, over the channel layer: the receiving end.

Each process joins the group ``chanx.control`` with its first connection. Whoever can write to the
channel layer can give commands: it belongs behind the same walls as the database.
"""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakSet

from channels.layers import InMemoryChannelLayer, channel_layers, get_channel_layer
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import chanx
from chanx.codes import CloseCode
from chanx.engine.events import Delivery, GroupEvent
from chanx.engine.hub import INTERNAL_PREFIX, Hub
from chanx.engine.recent import Recent
from chanx.engine.tasks import spawn_detached
from chanx.integrations.channel_layer import ChannelLayerBroker, get_hub
from chanx.log import get_logger

__all__ = [
    "EVENT_TYPE",
    "GROUP",
    "REPLY_TYPE",
    "Command",
    "Notice",
    "act_here",
    "commands",
    "get_origin",
    "get_shared_aliases",
    "join_control",
    "notices",
    "on_joined",
]

GROUP: Final = f"{INTERNAL_PREFIX}control"
EVENT_TYPE: Final = "chanx.control"
REPLY_TYPE: Final = "chanx.control.reply"

_MAX_RUNNING: Final = 16
"""Commands that one process runs at once; more are ignored, and logged."""

_MAX_ID: Final = 64
"""Characters of the id of a notice."""

_PROCESS: Final = secrets.token_hex(8)
"""Tells processes apart whose pids are the same, on different machines."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a process does when it is told to.

    ``run`` gets the validated arguments and returns JSON types. With ``takes_time`` whoever asked
    is told first that it has begun.
    """

    run: Callable[[Any], Awaitable[Any]]
    arguments: type[BaseModel]
    takes_time: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What a process does at once when it is told to, without an answer.

    ``act`` gets the validated arguments. It is called in any thread, waits for nothing, and is best
    the same when it is called twice: what several layers and event loops tell a process, and each
    of them twice, is known by its id, but may be told at the same moment.
    """

    act: Callable[[Any], None]
    arguments: type[BaseModel]


class _NoArguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _DrainArguments(BaseModel):
    """Those of ``chanx.drain``."""

    model_config = ConfigDict(extra="forbid")

    batch: int = Field(default=100, ge=1)
    interval: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    code: int = int(CloseCode.SERVICE_RESTART)


async def _stats(arguments: _NoArguments) -> dict[str, Any]:
    return chanx.stats().to_dict()


async def _drain(arguments: _DrainArguments) -> int:
    closed = await chanx.drain(arguments.batch, arguments.interval, arguments.code)
    get_logger().info("Drained", closed=closed)
    return closed


async def _undrain(arguments: _NoArguments) -> None:
    chanx.undrain()


commands: Final[dict[str, Command]] = {
    "stats": Command(_stats, _NoArguments),
    "drain": Command(_drain, _DrainArguments, takes_time=True),
    "undrain": Command(_undrain, _NoArguments),
}
"""By name, in every process the same. More may be added at import."""

notices: Final[dict[str, Notice]] = {}
"""By name. The modules that have something to be told about add theirs at import: a process without
them has nothing that a notice could be about."""

on_joined: Final[list[Callable[[], None]]] = []
"""Called in an event loop that has joined the group, for the first time or once more: what was told
before has not reached it."""


def get_origin() -> str:
    """Return what tells this process apart from all others, also from those it was forked from."""
    return f"{_PROCESS}.{os.getpid()}"


def get_shared_aliases() -> list[str]:
    """Return the aliases of the channel layers that reach other processes.

    Raises what making a layer raises, when CHANNEL_LAYERS has a mistake.
    """
    return [
        alias
        for alias in channel_layers.configs
        if not isinstance(get_channel_layer(alias), InMemoryChannelLayer)
    ]


def act_here(name: str, arguments: dict[str, Any]) -> None:
    """Do in this process what a notice says. For any thread. Raises ValidationError."""
    if notice := notices.get(name):
        notice.act(notice.arguments.model_validate(arguments))


_taken: Final[Recent[bool]] = Recent()
"""The ids of the notices that this process has been given."""


def _is_known(notice_id: Any) -> bool:
    """Tell whether a notice has come before, and remember that it has come."""
    if not isinstance(notice_id, str) or len(notice_id) > _MAX_ID:
        return False
    if _taken.find(notice_id, float("-inf")):
        return True
    _taken.note([notice_id], True)
    return False


class _Control:
    """The member that stands for the process in the group."""

    user: str | None = None

    def __init__(self, broker: ChannelLayerBroker) -> None:
        self.id = f"{_PROCESS}.{secrets.token_hex(4)}"
        self._broker = broker
        self._running: set[asyncio.Task[None]] = set()

    def deliver(self, event: GroupEvent, delivery: Delivery) -> None:
        """Ignore group messages: what consumers publish is no command."""

    def enqueue(self, event: dict[str, Any]) -> bool:
        """Start what the event says."""
        if event.get("type") != EVENT_TYPE:
            return False
        name = event.get("command")
        if isinstance(name, str) and name in notices:
            self._take_notice(name, event)
            return True
        command = commands.get(name) if isinstance(name, str) else None
        reply_to, request_id = event.get("reply_to"), event.get("id")
        if command is None or not (isinstance(reply_to, str) and isinstance(request_id, str)):
            reason = "malformed" if command else "unknown"
            get_logger().warning("Ignored a control command", command=str(name)[:64], reason=reason)
        elif len(self._running) >= _MAX_RUNNING:
            get_logger().warning("Ignored a control command", command=name, reason="too many")
        else:
            perform = self._perform(command, event, reply_to, request_id)
            task = spawn_detached(perform, f"chanx control {name}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return True

    def _take_notice(self, name: str, event: dict[str, Any]) -> None:
        # Done already by the one who tells it, or when it came before.
        if event.get("origin") == get_origin() or _is_known(event.get("id")):
            return
        try:
            act_here(name, event.get("arguments") or {})
        except ValidationError:
            get_logger().warning("Ignored a control command", command=name, reason="malformed")
        except Exception:
            get_logger().exception("Failed to perform a control command", command=name)

    def lose(self, group: str, count: int) -> None:
        """Ignore that a group message was lost: commands are not numbered."""

    async def _perform(
        self, command: Command, event: dict[str, Any], reply_to: str, request_id: str
    ) -> None:
        name = event["command"]
        answer = {"type": REPLY_TYPE, "id": request_id, "process": self.id, "pid": os.getpid()}
        try:
            arguments = command.arguments.model_validate(event.get("arguments") or {})
            get_logger().info("Performing a control command", command=name)
            if command.takes_time:
                await self._answer(reply_to, {**answer, "is_done": False})
            answer["result"] = await command.run(arguments)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False, include_input=False)
            answer["error"] = "; ".join(f"{each['loc']}: {each['msg']}" for each in wrong[:5])
        except Exception as error:
            get_logger().exception("Failed to perform a control command", command=name)
            answer["error"] = type(error).__name__
        await self._answer(reply_to, {**answer, "is_done": True})

    async def _answer(self, reply_to: str, answer: dict[str, Any]) -> None:
        try:
            await self._broker.pass_on("send", reply_to, answer)
        except Exception as error:
            get_logger().warning("Failed to answer a control command", error=repr(error))


_joined: WeakSet[Hub] = WeakSet()
_joining: set[asyncio.Task[None]] = set()


def join_control(hub: Hub, broker: ChannelLayerBroker) -> None:
    """Let this process be told, from some time soon on. Waits for nothing; harmless when repeated.

    A layer in memory reaches no other process: who uses that is told over those that are shared. A
    layer that refuses the group is not asked again, for it would refuse again; one that is away is.
    """
    if hub in _joined:
        return
    _joined.add(hub)
    if isinstance(broker.layer, InMemoryChannelLayer):
        _join_shared()
        return
    task = spawn_detached(_join(hub, broker), "chanx control")
    _joining.add(task)  # the loop keeps weak references only
    task.add_done_callback(_joining.discard)


def _join_shared() -> None:
    try:
        for alias in get_shared_aliases():
            if found := get_hub(alias):
                join_control(*found)
    except Exception as error:  # a mistake in CHANNEL_LAYERS, and no concern of this connection
        get_logger().warning("Cannot be told control commands", error=repr(error))


def _handle_joined(group: str) -> None:
    if group == GROUP:
        for callback in on_joined:
            callback()


async def _join(hub: Hub, broker: ChannelLayerBroker) -> None:
    broker.on_joined = _handle_joined
    try:
        # While the layer is away the hub remembers it.
        await hub.join(_Control(broker), [GROUP], is_internal=True)
    except Exception as error:
        get_logger().warning("Cannot be told control commands", error=repr(error))
