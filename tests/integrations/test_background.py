"""The event loop of the process's own."""

import asyncio
import subprocess
import sys
import threading

import pytest

from chanx.integrations.background import Background
from tests.patience import PATIENCE


@pytest.fixture
def background(monkeypatch: pytest.MonkeyPatch) -> Background:
    """One for the test, which is waited for as long as it takes."""
    for bound in ("_GRACE", "_STOP"):
        monkeypatch.setattr(f"chanx.integrations.background.{bound}", PATIENCE / 2)
    return Background()


async def get_place() -> tuple[threading.Thread, asyncio.AbstractEventLoop]:
    return threading.current_thread(), asyncio.get_running_loop()


def test_there_is_one_thread_and_one_loop_however_often_it_is_used(background: Background) -> None:
    assert not background.is_running
    places = {background.start(get_place()).result() for _ in range(100)}
    [(thread, loop)] = places
    assert thread is not threading.current_thread()
    background.stop()
    assert not thread.is_alive()
    assert loop.is_closed()


def test_it_is_started_anew_after_a_stop(background: Background) -> None:
    first = background.start(get_place()).result()
    background.stop()
    assert background.start(get_place()).result() != first
    background.stop()
    background.stop()


def test_what_runs_is_waited_for_and_what_never_ends_is_cancelled(background: Background) -> None:
    release = threading.Event()

    async def wait() -> str:
        await asyncio.to_thread(release.wait)
        return "done"

    future = background.start(wait())
    stopping = threading.Thread(target=background.stop)
    stopping.start()
    release.set()
    assert future.result() == "done"
    stopping.join()

    left: list[BaseException] = []

    async def leave_a_task() -> asyncio.Task[None]:
        async def stay() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                left.append(error)
                raise

        task = asyncio.create_task(stay())
        await asyncio.sleep(0)
        return task

    task = background.start(leave_a_task()).result()
    background.stop()
    assert task.cancelled()
    assert len(left) == 1


def test_names_are_looked_up_also_when_the_process_ends() -> None:
    code = """
import atexit, asyncio
from chanx.integrations.background import background

async def look_up():
    loop = asyncio.get_running_loop()
    return bool(await loop.getaddrinfo("localhost", 80))

@atexit.register
def last():
    print(background.start(look_up()).result(60))
    background.stop()
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )
    assert (result.stdout.strip(), result.stderr) == ("True", "")


def test_child_process_has_its_own() -> None:
    code = """
import os, sys
from chanx.integrations.background import background

async def get_pid():
    return os.getpid()

assert background.start(get_pid()).result(60) == os.getpid()
if (child := os.fork()) == 0:
    right = background.start(get_pid()).result(60) == os.getpid()
    background.stop()
    os._exit(0 if right else 1)
print(os.waitpid(child, 0)[1])
"""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert (result.stdout.strip(), result.stderr) == ("0", "")


def test_stop_waits_for_what_was_started_by_what_runs(background: Background) -> None:
    ended: list[str] = []

    async def second() -> None:
        await asyncio.sleep(0)
        ended.append("second")

    async def first() -> None:
        background.start(second())
        ended.append("first")

    background.start(first())
    background.stop()
    assert ended == ["first", "second"]
