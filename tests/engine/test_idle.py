"""Clients that say nothing. The loop's clock is real, and waited for with events only."""

import asyncio

from chanx.engine.idle import IdleWatch
from tests.engine.fakes import Watched


class Witness(Watched):
    def __init__(self, *, is_idle: bool = True) -> None:
        super().__init__()
        self.events: list[str] = []
        self.is_idle = is_idle
        self.answering: IdleWatch | None = None

    def ping(self) -> None:
        self.events.append("ping")
        if self.answering:
            self.answering.touch()
        self.changed()

    def on_idle(self) -> bool:
        self.events.append("idle")
        self.changed()
        return self.is_idle

    def watch(self, timeout: float | None, heartbeat: float | None) -> IdleWatch:
        return IdleWatch(timeout, heartbeat, ping=self.ping, on_idle=self.on_idle)


async def test_silence_ends_after_the_timeout() -> None:
    witness = Witness()
    watch = witness.watch(0.001, None)
    await witness.until(lambda: witness.events == ["idle"])
    watch.stop()


async def test_ping_and_then_the_end() -> None:
    witness = Witness()
    witness.watch(None, 0.001)
    await witness.until(lambda: witness.events == ["ping", "idle"])


async def test_who_answers_is_pinged_again() -> None:
    witness = Witness()
    watch = witness.answering = witness.watch(None, 0.001)
    await witness.until(lambda: len(witness.events) == 5)
    watch.stop()
    assert set(witness.events) == {"ping"}  # more than five if the machine is late


async def test_who_has_a_reason_is_left_alone_for_another_while() -> None:
    witness = Witness(is_idle=False)
    watch = witness.watch(0.001, None)
    await witness.until(lambda: len(witness.events) == 3)
    watch.stop()
    assert set(witness.events) == {"idle"}


async def test_timeout_holds_although_pings_are_sent() -> None:
    witness = Witness()
    witness.watch(0.003, 0.002)
    await witness.until(lambda: "idle" in witness.events)
    # On a machine that is late both are due at once, and the end goes before.
    assert witness.events in (["ping", "idle"], ["idle"])


async def test_stopped_watch_leaves_no_timer() -> None:
    witness = Witness()
    watch = witness.watch(0.001, 0.001)
    watch.stop()
    reached = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, reached.set)
    await reached.wait()
    assert witness.events == []


async def test_nothing_to_watch_for() -> None:
    watch = Witness().watch(None, None)
    watch.stop()
