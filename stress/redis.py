"""A redis-server that can be killed, frozen and started again on the same port."""

import shutil
import signal
import socket
import tempfile
from types import TracebackType
from typing import Final, Self

from tests.live.processes import Process

__all__ = ["Redis", "find_redis"]

_READY: Final = r"Ready to accept connections|Failed listening"
_PORTS_TRIED: Final = 10


def find_redis() -> str | None:
    """Return the path of the redis-server on PATH."""
    return shutil.which("redis-server")


class Redis:
    """Keeps nothing: it always comes back empty."""

    def __init__(self) -> None:
        command = find_redis()
        if command is None:
            raise RuntimeError("There is no redis-server on PATH; scripts/redis-server finds one")
        self._command = command
        self._folder = tempfile.TemporaryDirectory()
        for _ in range(_PORTS_TRIED):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.port: int = probe.getsockname()[1]
            if self._try_start():
                return
        raise RuntimeError(f"No free port for Redis:\n{self._process.output}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.thaw()
        self._process.stop()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End it without a word."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def start(self) -> None:
        """Start it again, empty."""
        if not self._try_start():
            raise RuntimeError(f"Redis does not start again:\n{self._process.output}")

    def freeze(self) -> None:
        """Stop it where it is: connections stay open, and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def _try_start(self) -> bool:
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder.name]
        self._process = Process([self._command, *arguments, "--save", "", "--appendonly", "no"])
        is_ready = self._process.wait_for(_READY)[0].startswith("Ready")
        if not is_ready:
            self._process.wait()
        return is_ready
