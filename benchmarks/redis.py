"""A redis-server of our own, and as much of a client as reading its statistics takes."""

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Self
from urllib.parse import urlsplit

_COMMAND = re.compile(r"cmdstat_([^:]+):calls=(\d+)")
_OURS = frozenset({"info", "config", "config|resetstat"})


class Redis:
    """A connection that sends one command at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379))
        self._file = self._socket.makefile("rb")

    def call(self, *words: str) -> str:
        """Send a command; return a status, a number or a text."""
        encoded = [word.encode() for word in words]
        self._socket.sendall(
            b"*%d\r\n" % len(encoded)
            + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        )
        line = self._file.readline().rstrip(b"\r\n")
        if line.startswith(b"-"):
            raise RuntimeError(f"Redis: {line[1:].decode()}")
        if line.startswith(b"$"):
            return self._file.read(int(line[1:]) + 2)[:-2].decode()
        return line[1:].decode()

    def count_commands(self) -> dict[str, int]:
        """Return how often each command was carried out since the statistics were reset."""
        found = _COMMAND.findall(self.call("INFO", "commandstats"))
        return {name: int(calls) for name, calls in found if name not in _OURS}

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()


def is_there() -> bool:
    """Tell whether there is a redis-server on PATH."""
    return shutil.which("redis-server") is not None


def get_version() -> str:
    """Return the version of the server on PATH."""
    text = subprocess.run(
        ["redis-server", "--version"], capture_output=True, text=True, check=True
    ).stdout
    match = re.search(r"v=(\S+)", text)
    return match[1] if match else text.strip()


class RedisServer:
    """A server that keeps nothing, and to which things happen. It runs inside of ``with``."""

    def __init__(self) -> None:
        self._port = get_free_port()
        self._folder = tempfile.TemporaryDirectory()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._process and self._process.poll() is None:
            # One that is frozen takes no other signal.
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        """Where it listens, before and after it was killed."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it listens."""
        arguments = ["--port", str(self._port), "--bind", "127.0.0.1", "--dir", self._folder.name]
        self._process = subprocess.Popen(
            [
                "redis-server",
                *arguments,
                "--save",
                "",
                "--appendonly",
                "no",
                "--loglevel",
                "warning",
            ],
            stdout=subprocess.DEVNULL,
        )
        _wait_for_port(self._port, self._process)

    def kill(self) -> None:
        """Let it die without a word."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let it keep its connections, and do nothing until ``thaw``."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def run_redis() -> Iterator[str]:
    """Run a server that keeps nothing; give its URL."""
    with RedisServer() as server:
        yield server.url


def get_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("redis-server does not start")
