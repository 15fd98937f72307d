"""Processes that a test starts, waits for, and stops."""

import asyncio
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = [
    "DEADLINE",
    "GUIDE",
    "ROOT",
    "Process",
    "RedisServer",
    "Server",
    "find_free_port",
    "start_daphne",
    "start_granian",
    "start_hypercorn",
    "start_uvicorn",
    "wait_until_joined",
]

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "examples" / "guide"

DEADLINE = 60.0
"""Seconds until a test that waits for something gives up and fails; nothing is measured by it."""


class Process:
    """A child whose output, standard error included, is collected by a thread.

    Leaving the ``with`` block stops it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path = ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._changed = threading.Condition()
        self._lines: list[str] = []
        self._is_finished = False
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if kind:
            # pytest shows it with the failure.
            sys.stdout.write(self.output)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has written so far; all of it, once it has been stopped."""
        with self._changed:
            return "".join(self._lines)

    @property
    def tracebacks(self) -> list[str]:
        """The tracebacks in the output, each with the line before it."""
        return _TRACEBACK.findall(self.output)

    def check_tracebacks(self) -> None:
        """Fail if there is one, and show it alone: the whole output may be cut where it is long."""
        assert not self.tracebacks, "\n\n".join(self.tracebacks)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return the first match in the output, once there is one. Fails if the process ends."""
        regex = re.compile(pattern)

        def find() -> re.Match[str] | None:
            return regex.search("".join(self._lines))

        with self._changed:
            self._changed.wait_for(lambda: self._is_finished or find(), DEADLINE)
            match = find()
        assert match, f"No {pattern!r} in the output:\n{self.output}"
        return match

    def wait(self) -> int:
        """Wait until it has ended by itself; return its exit code."""
        code = self._process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def stop(self) -> int:
        """Ask it to end, wait until it has, and return its exit code. Harmless when repeated."""
        self._process.terminate()
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.wait()
            raise

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as output:
            for line in output:
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._is_finished = True
            self._changed.notify_all()


class Server(Process):
    """An ASGI server on a free port, which it chose itself and named in its output."""

    def __init__(
        self,
        arguments: Sequence[str],
        announcement: str,
        *,
        cwd: Path = ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [sys.executable, "-m", *arguments]
        super().__init__(command, cwd=cwd, environment=environment)
        try:
            self.port = int(self.wait_for(announcement)[1])
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """Where its sockets are."""
        return f"ws://127.0.0.1:{self.port}"

    def wait_until_listening(self) -> None:
        """Knock until somebody opens: for servers that announce it before it is so."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), DEADLINE).close()
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
                with self._changed:
                    self._changed.wait(_PAUSE)
            else:
                return


def start_uvicorn(
    application: str,
    *options: str,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Start uvicorn with uvloop and the WebSocket implementation that chanx recommends."""
    arguments = ["uvicorn", application, "--port", "0", "--loop", "uvloop"]
    arguments += ["--ws", "websockets-sansio", *options]
    announcement = r"Uvicorn running on http://127\.0\.0\.1:(\d+)"
    return Server(arguments, announcement, cwd=cwd, environment=environment)


def start_daphne(
    application: str, *, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Server:
    """Start daphne."""
    arguments = ["daphne", "--bind", "127.0.0.1", "--port", "0", application]
    announcement = r"Listening on TCP address 127\.0\.0\.1:(\d+)"
    return Server(arguments, announcement, cwd=cwd, environment=environment)


def start_hypercorn(
    application: str,
    *options: str,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Start hypercorn, in one process: a worker of its own is not told of a SIGTERM."""
    arguments = ["hypercorn", application, "--workers", "0", "--bind", "127.0.0.1:0", *options]
    announcement = r"Running on http://127\.0\.0\.1:(\d+)"
    return Server(arguments, announcement, cwd=cwd, environment=environment)


def start_granian(
    application: str,
    *options: str,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Start granian, which names the port that it was told; so it is told a free one."""
    arguments = ["granian", application, "--interface", "asginl", "--host", "127.0.0.1"]
    arguments += ["--port", str(find_free_port()), "--working-dir", str(cwd), *options]
    announcement = r"Listening at: http://127\.0\.0\.1:(\d+)"
    server = Server(arguments, announcement, cwd=cwd, environment=environment)
    try:
        server.wait_until_listening()
    except BaseException:
        server.stop()
        raise
    return server


class RedisServer(Process):
    """A redis-server on a free port, that keeps nothing."""

    def __init__(self, command: str, folder: Path) -> None:
        self._command = [command, "--bind", "127.0.0.1", "--dir", str(folder)]
        self._command += ["--save", "", "--appendonly", "no"]
        # Redis cannot choose a port by itself; between finding one and using it somebody else may
        # take it, so the one that lost tries the next.
        for _ in range(_PORTS_TRIED):
            self.port = find_free_port()
            if self._start():
                return
        raise RuntimeError(f"No free port for Redis:\n{self.output}")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End it with SIGKILL, frozen or not."""
        self.send_signal(signal.SIGKILL)
        self.wait()

    def freeze(self) -> None:
        """Stop it with SIGSTOP: its connections stay, and nobody answers."""
        self.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Start it again after ``kill``, empty, on the same port."""
        if not self._start():
            raise RuntimeError(f"Redis did not start again:\n{self.output}")

    def _start(self) -> bool:
        super().__init__([*self._command, "--port", str(self.port)])
        if "Ready" in self.wait_for(r"Ready to accept connections|Failed listening")[0]:
            return True
        self.wait()
        return False


async def wait_until_joined(environment: Mapping[str, str]) -> None:
    """Wait until two processes of a site can be told something: ask until both answer."""
    command = [sys.executable, "-m", "django", "chanx_stats", "--json"]
    async with asyncio.timeout(DEADLINE):
        while True:
            with Process(command, environment=environment) as process:
                await asyncio.to_thread(process.wait)
            if process.output.count('"pid"') >= 2:
                return


_TRACEBACK: Final = re.compile(
    r"(?:^.*\n)?^.*Traceback \(most recent call last\).*(?:\n[ \t].*)*(?:\n.+)?", re.MULTILINE
)

_PORTS_TRIED: Final = 10

_PORTS: Final = range(20_000, 30_000)

_PAUSE: Final = 0.05


def find_free_port() -> int:
    """Return a port that the system gives to no connection by itself, as it does with higher ones.

    Otherwise a client may get it before the server does; also a client that looks for the server
    itself, while that is away, and then is connected to itself and keeps the port.
    """
    while True:
        port = secrets.choice(_PORTS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
