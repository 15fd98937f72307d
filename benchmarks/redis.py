"""A redis-server of our own, and as much of a client as reading its statistics takes."""

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
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


@contextlib.contextmanager
def run_redis() -> Iterator[str]:
    """Run a server that keeps nothing; give its URL."""
    port = get_free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        process = subprocess.Popen(
            [*command, "--save", "", "--appendonly", "no", "--loglevel", "warning"],
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait_for_port(port, process)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()


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
